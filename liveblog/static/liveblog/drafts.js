// The lists of drafts and of deleted updates, taken anew from the server.

import { freshPage } from "./server.js";

export async function refreshDrafts() {
  const page = await freshPage().catch(() => null); // the next one will show it
  for (const name of ["[data-drafts]", "[data-deleted]"]) {
    const fresh = page?.querySelector(name);
    if (!fresh) return;
    document.querySelector(name).replaceWith(fresh);
  }
}

document.addEventListener("draftschanged", refreshDrafts); // desk.js hears of it
