// Texts that were not sent, kept in this browser, each in the slot of its update. Without storage,
// nothing but the autosave is missing.

import { desk } from "./server.js";

/** `update`: its id, or null for a new one. */
export function slotOf(update) {
  return `liveblog-draft:${desk.dataset.slug}:${update ?? "new"}`;
}

/** {fields, version, write} as it was kept, or null. */
export function load(slot) {
  try {
    const found = JSON.parse(localStorage.getItem(slot));
    return typeof found?.fields === "object" ? found : null;
  } catch {
    return null;
  }
}

/** Whether it is kept; storage may be full, or forbidden. */
export function save(slot, text) {
  try {
    localStorage.setItem(slot, text);
    return true;
  } catch {
    return false;
  }
}

/** Empty the slot; with `only` where it still holds that. */
export function drop(slot, only = null) {
  try {
    if (only === null || localStorage.getItem(slot) === only) localStorage.removeItem(slot);
  } catch {
    // It may stay.
  }
}
