// Keyboard shortcuts of the editor's page, and the dialog that lists them.

import { FIELDS, remember } from "../../shared/letters.js";
import { undoLast } from "../writes/toast.js";

const dialog = document.querySelector("[data-keys]");
const button = document.querySelector("[data-keys-open]");
const on = dialog.querySelector("[data-keys-on]");
const form = document.querySelector("[data-composer]");
const posts = document.querySelector("[data-posts]");

remember(on);
button.addEventListener("click", () => dialog.showModal());
dialog.querySelector("[data-keys-close]").addEventListener("click", () => dialog.close());
button.hidden = false;

const rows = () => [...posts.querySelectorAll("[data-id]")].filter((row) => row.checkVisibility());
const edge = () => posts.querySelector("[data-tabs]").getBoundingClientRect().bottom;

/** The update with the focus, or the first one that is in sight. */
function current() {
  const focused = document.activeElement.closest("[data-posts] [data-id]");
  const seen = rows().find((row) => row.getBoundingClientRect().bottom > edge() + 1);
  return { row: focused ?? seen, read: Boolean(focused) };
}

function go(step) {
  const all = rows();
  const { row, read } = current();
  const next = all[all.indexOf(row) + (read || step < 0 ? step : 0)];
  if (!next) return;
  next.tabIndex = -1;
  next.scrollIntoView({ behavior: "instant" });
  next.focus({ preventScroll: true });
}

const press = (selector) => posts.querySelector(selector)?.click();

const KEYS = {
  n: () => form?.elements.body.focus(),
  j: () => go(1),
  k: () => go(-1),
  e: () => current().row?.querySelector("[data-part=edit]")?.click(),
  m: () => current().row?.querySelector(".menu > summary")?.click(),
  z: undoLast,
  "/": () => posts.querySelector("[type=search]").focus(),
  p: () => form?.querySelector("[data-preview-toggle]").click(),
  1: () => press("[data-tab=posts]"),
  2: () => press("[data-tab=drafts]"),
  3: () => press("[data-tab=scheduled]"),
  4: () => press("[data-tab=review]"),
  "?": () => dialog.showModal(),
};

addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open) return;
  if (key === "Escape" && target.matches?.(FIELDS) && !event.defaultPrevented) {
    target.blur(); // the letters are shortcuts again
    return;
  }
  if (!on.checked || target.closest?.(FIELDS) || !Object.hasOwn(KEYS, key)) return;
  event.preventDefault();
  KEYS[key]();
});
