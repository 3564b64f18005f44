// Reloads the lists of drafts and deleted updates.

import { freshPage } from "./server.js";

export async function refreshDrafts() {
  const page = await freshPage().catch(() => null); // the next refresh shows it
  for (const name of ["[data-drafts]", "[data-deleted]"]) {
    const fresh = page?.querySelector(name);
    if (!fresh) return;
    renew(document.querySelector(name), fresh);
  }
}

/** Show the rows of `fresh`. Unchanged rows stay in place, to keep the focus and pending clicks. */
function renew(section, fresh) {
  const list = section.querySelector("ul");
  const link = (row) => row.querySelector("a").getAttribute("href");
  const keyOf = (row) => `${row.dataset.version} ${link(row)}`;
  const there = new Map([...list.children].map((row) => [keyOf(row), row]));
  const rows = [...fresh.querySelector("ul").children].map((row) => there.get(keyOf(row)) ?? row);
  for (const row of there.values()) if (!rows.includes(row)) row.remove();
  rows.forEach((row, place) => {
    const next = list.children[place] ?? null;
    if (row !== next) list.insertBefore(row, next);
  });
  section.hidden = fresh.hidden;
}

document.addEventListener("draftschanged", refreshDrafts); // sent by desk.js
