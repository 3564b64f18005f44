// The chat beside the stream. Where the window is wide it stays open while somebody reads; else it
// covers the page. Without this script, the link leads to the room's own page.

const open = document.querySelector("[data-chat-open]");
const panel = document.querySelector("[data-chat-panel]");
const frame = panel.querySelector("[data-chat-frame]");
const wide = matchMedia("(min-width: 60rem)");

open.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (panel.open) {
    panel.close();
    return;
  }
  if (!frame.src) frame.src = `${open.href}?embed`;
  if (wide.matches) panel.show();
  else panel.showModal();
  mark();
});

function mark() {
  document.documentElement.classList.toggle("has-chat", panel.open && wide.matches);
}

function closeByKey({ key }) {
  if (key === "Escape" && panel.open) panel.close();
}

panel.addEventListener("close", mark);
panel.addEventListener("keydown", closeByKey);
// The room is a page of this site; its keys do not reach this one.
frame.addEventListener("load", () => frame.contentWindow.addEventListener("keydown", closeByKey));
panel.querySelector("[data-chat-close]").addEventListener("click", () => panel.close());
wide.addEventListener("change", () => panel.close());
