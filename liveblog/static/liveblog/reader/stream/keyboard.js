// j and k move to the next and the previous update, n to new ones.

import { FIELDS, remember } from "../../shared/letters.js";

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const jump = stream.querySelector("[data-jump]");
const bar = stream.querySelector("[data-bar]");
const help = document.querySelector("[data-keyboard]");
const on = help.querySelector("[data-keyboard-on]");

remember(on);

/** The current update: the one with the focus, or the first below the bar. */
function current() {
  const focused = document.activeElement.closest("[data-list] > *");
  if (focused) return { article: focused, read: true };
  const edge = bar.getBoundingClientRect().bottom;
  const below = articles().find((each) => each.getBoundingClientRect().bottom > edge + 1);
  return { article: below, read: false };
}

/** The updates, without the days between them. */
function articles() {
  return [...list.querySelectorAll(":scope > article")];
}

function neighbour(article, distance) {
  const all = articles();
  return all[all.indexOf(article) + distance];
}

function go(article) {
  article?.scrollIntoView();
  article?.focus({ preventScroll: true });
}

const KEYS = {
  j() {
    const { article, read } = current();
    go(read ? neighbour(article, 1) : article);
  },
  k: () => go(neighbour(current().article, -1)),
  n: () => jump.hidden || jump.click(),
};

addEventListener("keydown", (event) => {
  if (!on.checked || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.(FIELDS)) return;
  if (!Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});
