// Keeps the reading position and the focus when the list changes.
//
// If the reader has scrolled into the list, most browsers keep the position (scroll anchoring). In
// the others, the first visible article that remains is scrolled back to its position. If the top
// of the list is visible, new updates appear at once and everything below slides to its new
// position, by a transform, so that there is no layout shift.

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const bar = stream.querySelector("[data-bar]");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const SLIDE = 300; // ms

let held = false; // the top of the list is above the viewport
let before = new Map(); // visible element -> its top
const sliding = new Map(); // element -> {offset, from: px, since: ms of requestAnimationFrame}
let focused = null; // {element, index of its article}

stream.addEventListener("draw", () => {
  held = list.getBoundingClientRect().top <= bar.offsetHeight;
  before = new Map();
  for (const element of held ? list.children : flow()) {
    const { top, bottom } = element.getBoundingClientRect();
    if (bottom > 0 && (held || top < innerHeight)) before.set(element, top);
  }
  const element = document.activeElement;
  const index = articles().findIndex((article) => article.contains(element));
  focused = index < 0 ? null : { element, index };
});

stream.addEventListener("drawn", () => {
  refocus();
  const kept = [...before.keys()].filter((element) => element.isConnected);
  const moved = (element) => element.getBoundingClientRect().top - before.get(element);
  if (held && kept.length && !CSS.supports("overflow-anchor", "auto")) {
    scrollBy({ top: moved(kept[0]), behavior: "instant" });
  }
  // In an embedded frame the parent page keeps the position (framed.js).
  if (held || still.matches || "held" in stream.dataset) return;
  const distances = kept.map(moved); // measure all before moving any
  kept.forEach((element, i) => slide(element, distances[i]));
});

/** The updates, without the days between them. */
function articles() {
  return [...list.querySelectorAll(":scope > article")];
}

/** All elements of the list, and all below it. */
function* flow() {
  yield* list.children;
  for (let element = list; element !== document.body; element = element.parentElement) {
    for (let next = element; (next = next.nextElementSibling); ) yield next;
  }
}

/**
 * Move an element from its previous position to the new one, frame by frame. CSS and Web animations
 * start one frame late, and that frame would count as a layout shift.
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

/** Restore the focus. If its article was removed, the next article receives it. */
function refocus() {
  if (!focused || document.activeElement === focused.element) return;
  const { element, index } = focused;
  const next = element.isConnected ? element : articles()[index] ?? articles().at(-1);
  next?.focus({ preventScroll: true });
}
