// Menus: <details> whose items lie over the page. Without this script they open and close as well.

const MENUS = "[data-menu], .publish-later";
const ITEMS = ".menu-items :is(a, button):not([hidden])";

function close(menu, focus) {
  if (!menu.open) return;
  if (focus && menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
}

document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.(MENUS) || !target.open) return;
  for (const other of document.querySelectorAll(MENUS)) if (other !== target) close(other);
}, true);

document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll(`:is(${MENUS})[open]`)) {
    if (!menu.contains(target)) close(menu);
  }
});

// An item was chosen: the focus stays at the update.
document.addEventListener("submit", ({ target }) => {
  const menu = target.closest("[data-menu]");
  if (menu) close(menu, true);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(`:is(${MENUS})[open]`);
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll(`:is(${MENUS})[open]`)) close(open, true);
    return;
  }
  if (!menu?.matches("[data-menu]") || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = [...menu.querySelectorAll(ITEMS)].filter((item) => item.checkVisibility());
  if (!items.length) return;
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  const next = at === -1 ? (step === 1 ? 0 : items.length - 1) : at + step;
  items[(next + items.length) % items.length].focus();
});
