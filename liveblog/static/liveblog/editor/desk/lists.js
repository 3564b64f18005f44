// The lists beside the composer: opens tabs, searches and pages in place, and renews the lists when
// something has changed. Every link and form works without this script.

import { put } from "../../shared/page.js";
import { desk, freshPart } from "../writes/server.js";
import { show } from "../writes/toast.js";

const SOON = 1000; // ms; several changes within it cause one request

const posts = document.querySelector("[data-posts]");
const head = posts.querySelector("[data-tabs]");
const search = posts.querySelector("[data-search]");
const status = posts.querySelector("[data-list-status]");
const panel = (name) => posts.querySelector(`[data-panel="${name}"]`);

let query = new URLSearchParams(location.search); // of the list that is open
query.delete("update");
query.delete("text");
// An older page of the stream stays in the list of posts, whichever list is opened meanwhile.
const older = query.get("before");
const places = new Map(); // name of a list -> scroll position in px
let request = null;

const tabs = () => posts.querySelectorAll(".tab");
const current = () => posts.querySelector("[data-panel]:not([hidden])").dataset.panel;

/** The page's address with the open list, and the update in the form. */
export function addressOf(update) {
  const wanted = new URLSearchParams(query);
  if (update !== null) wanted.set("update", update);
  const text = wanted.toString();
  return desk.dataset.home + (text && `?${text}`);
}

function remember() {
  const update = new URLSearchParams(location.search).get("update");
  history.replaceState(null, "", addressOf(update));
}

// Tabs

const sticksAt = () => parseFloat(getComputedStyle(head).top); // px

function open(name, wanted) {
  places.set(current(), scrollY);
  const stuck = head.getBoundingClientRect().top <= sticksAt() + 1;
  query = wanted;
  remember();
  for (const each of posts.querySelectorAll("[data-panel]")) {
    each.hidden = each.dataset.panel !== name;
  }
  for (const tab of tabs()) {
    if (tab.dataset.tab === name) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
  if (name !== "found") search.elements.q.value = "";
  status.hidden = true;
  // Where it was left; a list that is shown for the first time, from its beginning.
  const start = posts.getBoundingClientRect().top + scrollY - sticksAt();
  if (stuck) scrollTo({ top: places.get(name) ?? start, behavior: "instant" });
}

/** Show a page of a list or of the search results. */
async function load(wanted) {
  const name = wanted.has("q") ? "found" : wanted.get("tab");
  const place = panel(name);
  request?.abort();
  const { signal } = (request = new AbortController());
  for (const each of [place, panel(current())]) each.setAttribute("aria-busy", "true");
  const page = await part(wanted, name, signal);
  if (signal.aborted) return;
  for (const each of posts.querySelectorAll("[aria-busy]")) each.removeAttribute("aria-busy");
  if (page === null) return location.assign(`${desk.dataset.home}?${wanted}`); // to the login
  status.hidden = Boolean(page);
  if (!page) return put(status, status.dataset.away);
  place.replaceChildren(...inner(page, name).map((node) => document.adoptNode(node)));
  open(name, wanted);
  places.delete(name);
  // On a phone the field is below the composer, and what was found would be out of sight.
  if (name === "found") posts.scrollIntoView({ block: "start", behavior: "instant" });
  (place.querySelector("[data-found-head]") ?? place.querySelector("a, button"))?.focus({
    preventScroll: true,
  });
}

/** A part of the page; null after a logout, undefined without an answer. */
async function part(wanted, name, signal) {
  const asked = new URLSearchParams(wanted);
  asked.set("part", name === "found" ? "found" : "lists");
  return freshPart(`?${asked}`, signal).catch(() => undefined);
}

function inner(page, name) {
  const found = name === "found" ? page.body : page.querySelector(`[data-panel="${name}"]`);
  return [...found.childNodes];
}

posts.addEventListener("click", (event) => {
  const { ctrlKey, metaKey, shiftKey, target } = event;
  const link = target.closest?.("[data-tab], [data-page]");
  if (!link || ctrlKey || metaKey || shiftKey) return;
  const wanted = new URL(link.href).searchParams;
  if ("page" in link.dataset) {
    event.preventDefault();
    load(wanted);
  } else if (link.dataset.tab !== "posts" || !older) {
    // From an older page of the stream, "Posts" leads to the newest one, by a new page.
    event.preventDefault();
    open(link.dataset.tab, wanted);
    if (!link.matches(".tab")) head.querySelector("[aria-current]").focus();
  }
});

search.addEventListener("submit", (event) => {
  event.preventDefault();
  load(new URLSearchParams({ q: search.elements.q.value.trim() }));
});

// Renewing

let [timer, running, again] = [0, false, false];

/** Request the lists once more: a draft, a count or a result has changed. */
export async function renewLists() {
  clearTimeout(timer);
  timer = 0;
  if (running) {
    again = true;
    return;
  }
  running = true;
  const name = current();
  const shown = new URLSearchParams(query);
  shown.delete("before");
  const asked = name === "found" ? new URLSearchParams() : shown;
  const page = await part(asked, "lists");
  if (page) renew(page);
  if (name === "found") {
    const found = await part(shown, "found");
    if (found && current() === "found" && String(shown) === String(query)) {
      renewPanel(panel("found"), found.body);
    }
  }
  running = false;
  if (again) soon();
  again = false;
}

export function soon() {
  timer ||= setTimeout(renewLists, SOON);
}

function renew(page) {
  for (const tab of tabs()) {
    const fresh = page.querySelector(`.tab[data-tab="${tab.dataset.tab}"]`);
    const [count, counted] = [tab, fresh].map((each) => each.querySelector(".tab-count"));
    put(count, counted.textContent);
    const [before, waiting] = [count, counted].map(({ dataset }) => Number(dataset.waiting ?? 0));
    if (waiting) count.dataset.waiting = waiting;
    else delete count.dataset.waiting;
    [tab.hidden, tab.title] = [fresh.hidden, fresh.title];
    if (tab.dataset.tab === "drafts" && waiting > before) show(tab.title); // returned to this editor
    if (tab.hidden && tab.dataset.tab === current()) shut();
  }
  for (const fresh of page.querySelectorAll("[data-panel]")) {
    renewPanel(panel(fresh.dataset.panel), fresh);
  }
}

/** Leave the list of deleted updates, which has no tab when it is empty. */
function shut() {
  const focused = panel(current()).contains(document.activeElement);
  open("posts", new URLSearchParams(older ? { before: older } : {}));
  if (focused) head.querySelector("[aria-current]").focus({ preventScroll: true });
}

/** Unchanged rows stay in place, to keep the focus, an open menu and pending clicks. */
function renewPanel(place, fresh) {
  const [list, wanted] = [place, fresh].map((each) => each.querySelector("[data-rows]"));
  if (!list || !wanted) return;
  const keyOf = ({ dataset: { id, version } }) => `${id} ${version}`;
  const there = new Map([...list.children].map((row) => [keyOf(row), row]));
  const rows = [...wanted.children].map((row) => there.get(keyOf(row)) ?? row);
  const at = [...list.children].findIndex((row) => row.contains(document.activeElement));
  for (const row of there.values()) if (!rows.includes(row)) row.remove();
  rows.forEach((row, index) => {
    const next = list.children[index] ?? null;
    if (row !== next) list.insertBefore(row, next);
  });
  place.querySelector("[data-none]").hidden = rows.length > 0;
  if (at !== -1 && !list.contains(document.activeElement)) {
    // The row with the focus is gone: the next one gets it.
    const next = list.children[Math.min(at, list.children.length - 1)];
    (next?.querySelector(".update-tools :is(a, button, summary)") ??
      head.querySelector("[aria-current]"))?.focus({ preventScroll: true });
  }
  const [said, text] = [place, fresh].map((each) => each.querySelector("[data-found-head]"));
  if (said && text) put(said, text.firstChild.data);
}

document.querySelector("[data-stream]").addEventListener("merged", ({ detail: { merged } }) => {
  if (merged.length) soon();
});
