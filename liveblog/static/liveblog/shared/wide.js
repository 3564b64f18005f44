// Lets the keyboard scroll tables and code that are wider than their post. Firefox and Chromium
// focus whatever scrolls; Safari only what has a tabindex.

const WIDE = ".prose :is(pre, table)";

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

function observe() {
  for (const element of document.querySelectorAll(WIDE)) sizes.observe(element);
}

const list = document.querySelector("[data-list]");
if (list) new MutationObserver(observe).observe(list, { childList: true, subtree: true });
observe();
