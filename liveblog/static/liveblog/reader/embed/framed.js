// The live blog in a frame of another site. The script of that page (embed.js) sets the height of
// the frame to the height of this document, so the frame itself never scrolls, and a new update
// would push down what somebody reads. New updates are therefore held back while the top of the
// stream is above the window, and the parent page shows their number. When an update above changes
// its height, the parent page scrolls by the difference. With a maximum height, the frame scrolls
// like any page.
//
// Messages to the parent contain only what is visible, and messages from it only change the view.

import { counted } from "../../shared/page.js";

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const jump = stream.querySelector("[data-jump]");
const bar = stream.querySelector("[data-bar]");

let origin = null; // of the parent page, null until it has answered
let auto = false; // the frame is as high as its content

function say(type, facts) {
  if (origin) parent.postMessage({ type, ...facts }, origin);
}

// To any origin: the title is public. The answer carries the origin of the parent.
if (parent !== window) parent.postMessage({ type: "liveblog-hello", title: document.title }, "*");

addEventListener("message", ({ source, origin: from, data }) => {
  if (source !== parent) return;
  if (data?.type === "liveblog-welcome") welcome(from, data.auto === true);
  if (data?.type === "liveblog-reveal" && from === origin) reveal();
});

function welcome(from, follows) {
  if (origin) return;
  [origin, auto] = [from, follows];
  document.documentElement.classList.toggle("is-auto", auto);
  new ResizeObserver(measure).observe(document.body);
}

// Places

let places = new Map(); // article -> {top, bottom, pinned}, in px of the layout, without transforms

/** Report the height of the page, and by how much the articles have moved. */
function measure() {
  const before = places;
  places = new Map();
  const moved = []; // [previous bottom, px moved down], from top to bottom
  for (const article of list.children) {
    const { offsetTop: top, offsetHeight } = article;
    const pinned = "pinned" in article.dataset;
    places.set(article, { top, bottom: top + offsetHeight, pinned });
  }
  for (const [article, { top, bottom, pinned }] of before) {
    const now = places.get(article);
    // An article that was pinned or unpinned moved on purpose.
    if (now && now.pinned === pinned) moved.push([bottom, now.top - top]);
  }
  const { height } = document.body.getBoundingClientRect();
  say("liveblog-height", { height, moved: holds() ? moved : [] });
}

// Held back

let inSight = false; // any part of the stream is in the outermost window
let topInSight = true;
const waiting = new Set();

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (target === stream) inSight = isIntersecting;
    else topInSight = isIntersecting;
  }
  stream.toggleAttribute("data-held", holds());
  if (!holds()) reveal();
});
sight.observe(stream);
sight.observe(bar);

function holds() {
  return auto && inSight && !topInSight;
}

stream.addEventListener("drawn", ({ detail: added }) => {
  if (holds()) {
    for (const article of added) {
      article.hidden = true;
      waiting.add(article);
    }
  }
  count();
  measure();
});

function count() {
  for (const article of waiting) if (!article.isConnected) waiting.delete(article);
  say("liveblog-waiting", { text: waiting.size ? counted(jump, waiting.size) : "" });
}

function reveal() {
  for (const article of waiting) article.hidden = false;
  if (waiting.size) {
    waiting.clear();
    places.clear(); // the reader scrolls to them, so the position is not kept
    count();
  }
}

// The parent page scrolls to the targets of links within this page.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  reveal();
  if (auto) say("liveblog-go", { top: target.getBoundingClientRect().top });
  else target.scrollIntoView();
  target.focus({ preventScroll: true });
});
