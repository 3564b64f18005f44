// New posts that have not been in sight yet: the button counts those beyond the edge where new ones
// come in, and leads to them; a sentence tells those who listen.

import { counted, put } from "../shared/page.js";

const SAY_WITHIN = 1000; // ms; what comes within is one sentence
const SAY_EVERY = 10_000; // ms between two sentences: who listens also reads

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const jump = stream.querySelector("[data-jump]");
const summary = stream.querySelector("[data-summary]");
const BAR = stream.querySelector("[data-bar]").offsetHeight; // what it covers is not in sight
const downwards = stream.dataset.order === "oldest";

const unseen = new Set();
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
  for (const article of added) sight.observe(article);
  count(); // some may have gone
  tell(added.length);
});

function beyond(article) {
  if (!unseen.has(article)) return false;
  const { top, bottom } = article.getBoundingClientRect();
  return downwards ? top >= innerHeight : bottom <= BAR;
}

function count() {
  for (const article of unseen) if (!article.isConnected) unseen.delete(article);
  const number = [...unseen].filter(beyond).length;
  jump.hidden = number === 0;
  if (number) put(jump, counted(jump, number));
}

addEventListener("scroll", () => unseen.size && count(), { passive: true });

jump.addEventListener("click", () => {
  const first = [...list.children].find(beyond);
  unseen.clear();
  count();
  first?.scrollIntoView(); // smooth where the style sheet says so
  first?.focus({ preventScroll: true });
});

// What is said

let waiting = 0; // posts that have not been told of
let timer = null;
let said = -Infinity; // when, on performance.now()'s clock

function tell(number) {
  waiting += number;
  if (!waiting || timer) return;
  timer = setTimeout(say, Math.max(SAY_WITHIN, said + SAY_EVERY - performance.now()));
}

function say() {
  summary.textContent = counted(summary, waiting);
  [waiting, timer, said] = [0, null, performance.now()];
}
