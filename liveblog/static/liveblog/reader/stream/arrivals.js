// New updates that have not been in the viewport yet. A button counts those beyond the edge where
// new ones appear, and scrolls to them. On an older page, which new ones do not reach, it is a link
// to the newest page. A live region announces them.

import { counted, put } from "../../shared/page.js";

const ANNOUNCE_WITHIN = 1000; // ms; updates within it share one announcement
const ANNOUNCE_EVERY = 10_000; // ms between two announcements, to not interrupt reading

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const jump = stream.querySelector("[data-jump]");
const summary = stream.querySelector("[data-summary]");
const BAR = stream.querySelector("[data-bar]").offsetHeight; // px that are covered
const { newest } = stream.dataset; // when the last update was created; on an older page only
const downwards = stream.dataset.order === "oldest";

const unseen = new Set();
const elsewhere = new Set(); // ids of new updates that are not on this page
const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        sight.unobserve(target);
        unseen.delete(target);
      } else {
        unseen.add(target);
      }
    }
    count();
  },
  { rootMargin: `-${BAR}px 0px 0px` },
);

stream.addEventListener("drawn", ({ detail: added }) => {
  for (const article of added) {
    if (document.hidden) unseen.add(article); // nothing is observed then
    sight.observe(article);
  }
  count(); // some may have been removed
  addAnnouncement(added.length);
});

function beyond(article) {
  if (!unseen.has(article)) return false;
  const { top, bottom } = article.getBoundingClientRect();
  return downwards ? top >= innerHeight : bottom <= BAR;
}

function count() {
  for (const article of unseen) if (!article.isConnected) unseen.delete(article);
  const number = newest ? elsewhere.size : [...unseen].filter(beyond).length;
  jump.hidden = number === 0;
  if (number) put(jump, counted(jump, number));
  mark(newest ? elsewhere.size : unseen.size);
}

let prefix = "";

/** Begin the tab's title with the number of updates that have not been seen. */
function mark(number) {
  const { title } = document;
  const rest = title.startsWith(prefix) ? title.slice(prefix.length) : title;
  prefix = number ? `(${number}) ` : "";
  if (title !== prefix + rest) document.title = prefix + rest;
}

addEventListener("scroll", () => unseen.size && count(), { passive: true });

if (newest) {
  stream.addEventListener("merged", ({ detail: { merged } }) => {
    const before = elsewhere.size;
    for (const { id, action, created } of merged) {
      if (action === "deleted") elsewhere.delete(id);
      else if (created > newest) elsewhere.add(id);
    }
    count();
    addAnnouncement(Math.max(0, elsewhere.size - before));
  });
}

jump.addEventListener("click", () => {
  if (newest) return; // a link
  const first = [...list.children].find(beyond);
  unseen.clear();
  count();
  first?.scrollIntoView(); // smooth where the style sheet says so
  first?.focus({ preventScroll: true });
});

// Cards of links, which few updates have

function onCards() {
  if (list.querySelector(".link-card")) import("../posts/link-cards.js");
}

stream.addEventListener("drawn", onCards);
onCards();

// Announcements

let waiting = 0; // updates not announced yet
let timer = null;
let announced = -Infinity; // time of the last one, by performance.now()

function addAnnouncement(number) {
  waiting += number;
  if (!waiting || timer) return;
  const rest = announced + ANNOUNCE_EVERY - performance.now();
  timer = setTimeout(announce, Math.max(ANNOUNCE_WITHIN, rest));
}

function announce() {
  summary.textContent = counted(summary, waiting);
  [waiting, timer, announced] = [0, null, performance.now()];
}
