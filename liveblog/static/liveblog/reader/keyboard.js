// j and k move to the next and the previous update, n to new ones. Single-letter shortcuts disturb
// speech input, so they can be turned off (WCAG 2.1, success criterion 2.1.4).

const KEY = "liveblog-keys";
const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const jump = stream.querySelector("[data-jump]");
const bar = stream.querySelector("[data-bar]");
const help = document.querySelector("[data-keyboard]");
const on = help.querySelector("[data-keyboard-on]");

try {
  on.checked = localStorage.getItem(KEY) !== "off";
} catch {
  // Without storage the choice lasts for this page only.
}
on.addEventListener("change", () => {
  try {
    localStorage.setItem(KEY, on.checked ? "on" : "off");
  } catch {
    // As above.
  }
});

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
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
    return;
  }
  if (!Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});
