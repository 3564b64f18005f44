// Loads older updates into this page. Without this script, or where it fails, the link leads to them.
// A reader who returns to the page, or reloads it, finds them again, and the place in them.

import { readPlace, readRows } from "../../shared/page.js";

const AGAIN = 1100; // ms; a cache may keep the older page for a second
const MOST_PAGES = 20; // that are loaded again, one after the other

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

// The place, kept with this entry of the history

/** The update at the upper edge, and how far below the edge it begins, in px; {} at the top. */
function place() {
  if (list.getBoundingClientRect().top >= 0) return {};
  const first = [...list.querySelectorAll(":scope > article")].find(
    (article) => article.getBoundingClientRect().bottom > 0,
  );
  return first ? { id: first.id, top: first.getBoundingClientRect().top } : {};
}

let timer = 0;

function keep() {
  clearTimeout(timer);
  history.replaceState({ ...history.state, older: place() }, "");
}

function keepSoon() {
  clearTimeout(timer);
  timer = setTimeout(keep, 200); // browsers limit how often it may be replaced
}

function follow() {
  history.scrollRestoration = "manual"; // the browser's would scroll beside ours, and to pixels
  addEventListener("scroll", keepSoon, { passive: true });
  addEventListener("click", keep, { capture: true }); // which may leave the page
  keep();
}

async function comeBack({ id, top }) {
  if (!id) return follow();
  let moved = false;
  for (const name of ["wheel", "touchmove", "keydown"]) {
    addEventListener(name, () => (moved = true), { once: true, passive: true });
  }
  const found = () => document.getElementById(id);
  for (let n = 0; n < MOST_PAGES && !found() && !older.hidden; n += 1) await load(link);
  if (found() && !moved) {
    scrollBy({ top: found().getBoundingClientRect().top - top, behavior: "instant" });
  }
  follow();
}

if (history.state?.older) comeBack(history.state.older).catch(() => {});

link?.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.ariaBusy === "true") return;
  const { href } = link;
  link.ariaBusy = "true";
  try {
    const first = await load(link);
    first?.focus({ preventScroll: true });
    follow();
  } catch {
    location.href = href;
  }
  link.ariaBusy = null;
});
