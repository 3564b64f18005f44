// j and k go to the next and the previous update, n to the new ones. Keys of one letter disturb
// who dictates: they can be turned off, which is remembered (WCAG 2.1, 2.1.4).

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
  // Storage is forbidden: they are on, until they are turned off on this page.
}
on.addEventListener("change", () => {
  try {
    localStorage.setItem(KEY, on.checked ? "on" : "off");
  } catch {
    // The same.
  }
});
help.hidden = false;

/** The update that is read: the one with the focus, or the first below the bar. */
function current() {
  const focused = document.activeElement.closest("[data-list] > *");
  if (focused) return { article: focused, read: true };
  const edge = bar.getBoundingClientRect().bottom;
  const below = [...list.children].find((each) => each.getBoundingClientRect().bottom > edge + 1);
  return { article: below, read: false };
}

function go(article) {
  article?.scrollIntoView();
  article?.focus({ preventScroll: true });
}

const KEYS = {
  j() {
    const { article, read } = current();
    go(read ? article.nextElementSibling : article);
  },
  k: () => go(current().article?.previousElementSibling),
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
