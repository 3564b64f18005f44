// Unsent text in localStorage, one slot per update. Without storage there is no autosave.

import { desk } from "../writes/server.js";

/** `update`: its id, or null for a new one. */
export function slotOf(update) {
  return `liveblog-draft:${desk.dataset.slug}:${update ?? "new"}`;
}

/** The stored {fields, version, write}, or null. */
export function load(slot) {
  try {
    const found = JSON.parse(localStorage.getItem(slot));
    return typeof found?.fields === "object" ? found : null;
  } catch {
    return null;
  }
}

/** Whether it was stored; storage may be full or disabled. */
export function save(slot, text) {
  try {
    localStorage.setItem(slot, text);
    return true;
  } catch {
    return false;
  }
}

/** Empty the slot; with `only`, if it still holds that text. */
export function drop(slot, only = null) {
  try {
    if (only === null || localStorage.getItem(slot) === only) localStorage.removeItem(slot);
  } catch {
    // Storage is disabled.
  }
}
