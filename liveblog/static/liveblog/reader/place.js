// The list changes without moving what is read, and without losing the focus.
//
// Where the reader has scrolled into the list, most browsers hold the place by themselves; where
// they do not, the first article in sight that survives the change is put back to its height.
// Where the list begins in sight, what is new shows at once, and all that makes room for it slides
// to its new place: by a transform, so that nothing jumps and the layout is not shifted.

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const bar = stream.querySelector("[data-bar]");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const SLIDE = 300; // ms

let held = false; // the list begins above what is in sight
let before = new Map(); // element in sight -> its top
const sliding = new Map(); // element -> {offset, from: px, since: ms on the frames' clock}
let focused = null; // {element, index} of the article that holds the focus

stream.addEventListener("draw", () => {
  held = list.getBoundingClientRect().top <= bar.offsetHeight;
  before = new Map();
  for (const element of held ? list.children : flow()) {
    const { top, bottom } = element.getBoundingClientRect();
    if (bottom > 0 && (held || top < innerHeight)) before.set(element, top);
  }
  const element = document.activeElement;
  const index = [...list.children].findIndex((article) => article.contains(element));
  focused = index < 0 ? null : { element, index };
});

stream.addEventListener("drawn", () => {
  refocus();
  const kept = [...before.keys()].filter((element) => element.isConnected);
  const moved = (element) => element.getBoundingClientRect().top - before.get(element);
  if (held && kept.length && !CSS.supports("overflow-anchor", "auto")) {
    scrollBy({ top: moved(kept[0]), behavior: "instant" });
  }
  // In a frame whose top is out of sight the page around holds the place (framed.js).
  if (held || still.matches || "held" in stream.dataset) return;
  const distances = kept.map(moved); // all, before any is moved
  kept.forEach((element, i) => slide(element, distances[i]));
});

/** The articles, and what stands below the list up to the end of the page. */
function* flow() {
  yield* list.children;
  for (let element = list; element !== document.body; element = element.parentElement) {
    for (let next = element; (next = next.nextElementSibling); ) yield next;
  }
}

/**
 * Put it back where it was, then let it go, frame by frame. No animation of the browser's: one that
 * begins or is replaced is a frame late, and that frame is a shift.
 */
function slide(element, distance) {
  if (!distance) return;
  if (!sliding.size) requestAnimationFrame(frame);
  move(element, { offset: (sliding.get(element)?.offset ?? 0) - distance });
}

function move(element, { offset, from = offset, since = null }) {
  element.style.transform = offset ? `translateY(${offset}px)` : "";
  if (offset) sliding.set(element, { offset, from, since });
  else sliding.delete(element);
}

function frame(now) {
  for (const [element, { from, since }] of sliding) {
    const left = Math.max(0, 1 - (now - (since ?? now)) / SLIDE);
    move(element, { offset: from * left ** 2, from, since: since ?? now });
  }
  if (sliding.size) requestAnimationFrame(frame);
}

/** What was moved or written anew has lost the focus; of what is gone, its neighbour takes it. */
function refocus() {
  if (!focused || document.activeElement === focused.element) return;
  const { element, index } = focused;
  const next = element.isConnected ? element : list.children[index] ?? list.lastElementChild;
  next?.focus({ preventScroll: true });
}
