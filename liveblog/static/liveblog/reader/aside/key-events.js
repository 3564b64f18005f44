// The list of key events. It follows the stream, also for updates that are not on this page, and
// links to updates on this page without a reload.

const TRIES = 3;
const RETRY_AFTER = 5000; // ms

const stream = document.querySelector("[data-stream]");
const nav = document.querySelector("[data-key-events]");
const details = nav.querySelector("[data-key-details]");
const list = nav.querySelector("[data-key-list]");
const more = nav.querySelector("[data-key-more]");
const template = nav.querySelector("template");
const wide = matchMedia("(min-width: 68rem)"); // beside the stream
const { most, titleLength, lastWord, breaks } = JSON.parse(nav.dataset.rules);
const BREAK = new RegExp(`</?(?:${breaks.join("|")})\\b`, "g"); // tags that separate words

let since = null; // rows that arrived during a reload of the list

stream.addEventListener("merged", ({ detail: { merged, reset } }) => {
  if (reset) reload();
  since?.push(...merged);
  for (const row of merged) follow(row);
});

function follow(row) {
  const item = [...list.children].find(({ dataset }) => Number(dataset.id) === row.id);
  if (row.action === "deleted" || !row.key_event) item?.remove();
  else fill(item ?? insert(row), row);
  trim();
}

function insert({ id, created }) {
  const item = template.content.firstElementChild.cloneNode(true);
  Object.assign(item.dataset, { id, created });
  const later = ({ dataset }) =>
    dataset.created === created ? Number(dataset.id) < id : dataset.created < created;
  list.insertBefore(item, [...list.children].find(later) ?? null);
  return item;
}

function fill(item, row) {
  lead(item);
  item.querySelector("time").dateTime = row.created;
  item.querySelector("span").textContent = titleOf(row);
}

/** Link to the page of the stream that holds the post. */
function lead(item) {
  const { id } = item.dataset;
  item.querySelector("a").href = `${nav.dataset.page}&at=${id}#update-${id}`;
}

/** The headline; else the beginning of the text, or the description of its image. */
function titleOf({ id, headline, content }) {
  if (headline.trim()) return headline;
  const { content: inert } = Object.assign(document.createElement("template"), {
    innerHTML: content.replace(BREAK, " $&"),
  });
  const text = inert.textContent.trim().replace(/\s+/g, " ");
  const title = text || inert.querySelector("img[alt]")?.alt || `#${id}`;
  const letters = [...title];
  if (letters.length <= titleLength) return title;
  const start = letters.slice(0, titleLength - 1).join("");
  return `${start.replace(new RegExp(lastWord, "u"), "")}…`;
}

function trim() {
  if (list.children.length > most) more.hidden = false;
  while (list.children.length > most) list.lastElementChild.remove();
  if (!more.hidden) more.firstElementChild.search = `?before=${list.lastElementChild.dataset.id}`;
  nav.hidden = !list.children.length;
}

/** After a reset of the stream: take the list of the current page. */
async function reload(tries = TRIES) {
  since ??= [];
  try {
    const answer = await fetch(nav.dataset.page, { cache: "no-cache" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    list.replaceChildren(...page.querySelector("[data-key-list]").children);
    [...list.children].forEach(lead);
    more.hidden = page.querySelector("[data-key-more]").hidden;
    const rows = since;
    since = null;
    rows.forEach(follow);
    trim();
  } catch {
    if (tries > 1) setTimeout(reload, RETRY_AFTER, tries - 1);
    else since = null;
  }
}

list.addEventListener("click", (event) => {
  const id = event.target.closest("li")?.dataset.id;
  const article = document.getElementById(`update-${id}`);
  if (!article || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  location.hash = article.id;
  article.focus({ preventScroll: true });
});

[...list.children].forEach(lead);
const unfold = () => (details.open = wide.matches);
wide.addEventListener("change", unfold);
unfold();
