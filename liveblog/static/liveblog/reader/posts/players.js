// A video or audio file that somebody plays goes on when its update is edited: the stream draws the
// text anew, and the player that was there takes the place of its equal.

const PLAYERS = "video, audio";

const list = document.querySelector("[data-list]");
const playing = new WeakSet();

list.addEventListener("play", ({ target }) => playing.add(target), { capture: true });
list.addEventListener(
  "pause",
  // The browser pauses a player that is taken out of the page, too.
  ({ target }) => target.isConnected && playing.delete(target),
  { capture: true },
);

new MutationObserver((records) => {
  for (const { target, removedNodes } of records) {
    for (const node of removedNodes) {
      if (!(node instanceof Element)) continue;
      for (const old of node.matches(PLAYERS) ? [node] : node.querySelectorAll(PLAYERS)) {
        if (old.currentTime) putBack(old, target);
      }
    }
  }
}).observe(list, { childList: true, subtree: true });

function putBack(old, text) {
  const equal = [...text.querySelectorAll(PLAYERS)].find((one) => one.isEqualNode(old));
  if (!equal) return;
  equal.replaceWith(old);
  if (playing.has(old)) old.play().catch(() => {}); // the browser wants a click first
}
