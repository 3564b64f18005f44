// The live blog in a frame of another site's page, whose script (embed.js) makes the frame as high
// as this page says. Such a frame never scrolls itself: what comes in above would push down what
// is read. So new posts wait while the stream's top is above the window, and the page around shows
// how many they are. Of what else moves, as a post above is edited or deleted, it is told: it knows
// what is in sight, and scrolls by as much. Where it bounds the height instead, the frame scrolls
// as any page does.
//
// Nothing secret is said, and nothing that is heard changes more than what is shown.

import { counted } from "../shared/page.js";

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const jump = stream.querySelector("[data-jump]");
const bar = stream.querySelector("[data-bar]");

let origin = null; // of the page around, as the browser says; null until it has answered
let auto = false; // it follows the height

function say(type, facts) {
  if (origin) parent.postMessage({ type, ...facts }, origin);
}

// All may hear hello: it is what the page itself shows. The answer tells who listens.
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

let places = new Map(); // article -> {top, bottom, pinned}, px as laid out, wherever it slides from

/** Say how high the page is, and where the articles went that were there before. */
function measure() {
  const before = places;
  places = new Map();
  const moved = []; // [its bottom before, how far it went], downwards
  for (const article of list.children) {
    const { offsetTop: top, offsetHeight } = article;
    const pinned = "pinned" in article.dataset;
    places.set(article, { top, bottom: top + offsetHeight, pinned });
  }
  for (const [article, { top, bottom, pinned }] of before) {
    const now = places.get(article);
    // One that is pinned goes elsewhere: who reads it stays where it was.
    if (now && now.pinned === pinned) moved.push([bottom, now.top - top]);
  }
  const { height } = document.body.getBoundingClientRect();
  say("liveblog-height", { height, moved: holds() ? moved : [] });
}

// Waiting

let inSight = false; // any part of the stream, in the outermost window: there is no other root
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
    places.clear(); // the reader goes to them, not past them
    count();
  }
}

// Links within the page lead there; it is the page around that scrolls.
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
