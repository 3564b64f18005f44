// Loads older updates into this page. Without this script, or where it fails, the link leads to them.

import { readPlace, readRows } from "../../shared/page.js";

const AGAIN = 1100; // ms; a cache may keep the older page for a second

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const older = stream.querySelector("[data-older]");
const link = older?.querySelector("a");

const tell = (detail) => stream.dispatchEvent(new CustomEvent("older", { detail }));

async function load({ href }) {
  tell({}); // from now on, changes of rows that are not on the page are kept, too
  for (;;) {
    const answer = await fetch(href, { cache: "no-cache" });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.querySelector("[data-stream]");
    const articles = [...part.querySelectorAll("[data-list] > article")];
    const detail = {
      revision: Number(part.dataset.revision),
      edge: readPlace(part, "ceiling"),
      floor: readPlace(part, "floor"),
      rows: readRows(part.querySelector("[data-list]")),
    };
    const fresh = articles.filter(({ id }) => !document.getElementById(id));
    list.append(...fresh); // the stream puts them into order, or removes them
    tell(detail);
    if (link.href !== href || older.hidden) return fresh[0];
    await new Promise((done) => setTimeout(done, AGAIN));
  }
}

link?.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.ariaBusy === "true") return;
  const { href } = link;
  link.ariaBusy = "true";
  try {
    const first = await load(link);
    first?.focus({ preventScroll: true });
  } catch {
    location.href = href;
  }
  link.ariaBusy = null;
});
