// The list of key events: follows the stream, also where a post is outside of the page, and leads
// to a post on this page without leaving it.

const MOST = 100; // as the server lists
const TITLE = 80; // characters of a title made from the text, as the server cuts
const TRIES = 3;
const AGAIN = 5000; // ms
// Where a text is parted although no space stands there.
const BREAKS = /<\/?(?:blockquote|br|figcaption|h[34]|hr|li|ol|p|pre|t[dh]|ul)\b/g;

const stream = document.querySelector("[data-stream]");
const nav = document.querySelector("[data-key-events]");
const details = nav.querySelector("[data-key-details]");
const list = nav.querySelector("[data-key-list]");
const more = nav.querySelector("[data-key-more]");
const template = nav.querySelector("template");
const wide = matchMedia("(min-width: 68rem)"); // where it stands beside the stream

let since = null; // rows that came while the page is asked for its list

stream.addEventListener("merged", ({ detail: { merged, reset } }) => {
  if (reset) anew();
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

/** To the page that will hold it then; who is on that page already is led by the click below. */
function lead(item) {
  const { id } = item.dataset;
  item.querySelector("a").href = `${nav.dataset.page}&at=${id}#update-${id}`;
}

/** The headline; else the text's beginning, or what its image shows. */
function titleOf({ id, headline, content }) {
  if (headline.trim()) return headline;
  const { content: inert } = Object.assign(document.createElement("template"), {
    innerHTML: content.replace(BREAKS, " $&"),
  });
  const text = inert.textContent.trim().replace(/\s+/g, " ");
  const title = text || inert.querySelector("img[alt]")?.alt || `#${id}`;
  const letters = [...title];
  return letters.length > TITLE ? `${letters.slice(0, TITLE - 1).join("")}…` : title;
}

function trim() {
  if (list.children.length > MOST) more.hidden = false;
  while (list.children.length > MOST) list.lastElementChild.remove();
  if (!more.hidden) more.firstElementChild.search = `?before=${list.lastElementChild.dataset.id}`;
  nav.hidden = !list.children.length;
}

/** Too much was missed to be told one by one: take the list of the page as it is now. */
async function anew(tries = TRIES) {
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
    if (tries > 1) setTimeout(anew, AGAIN, tries - 1);
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
