// The DOM of the stream.

const part = (article, name) => article.querySelector(`[data-part="${name}"]`);
const NUMBER = new Intl.NumberFormat(document.documentElement.lang);

/** The rows that the server rendered. */
export function readRows(list) {
  return [...list.querySelectorAll("article")].map(({ dataset }) => ({
    id: Number(dataset.id),
    revision: Number(dataset.revision),
    created: dataset.created,
    pinned: "pinned" in dataset,
  }));
}

/** {created, id} from data-floor-… or data-ceiling-…, or null. */
export function readPlace({ dataset }, name) {
  const id = dataset[`${name}Id`];
  return id ? { id: Number(id), created: dataset[`${name}Created`] } : null;
}

/** Make the list show these rows in this order. Returns the articles that are new. */
export function render(list, template, rows) {
  const wanted = new Set(rows.map((row) => row.id));
  const present = new Map();
  for (const article of [...list.children]) {
    const id = Number(article.dataset.id);
    if (wanted.has(id)) present.set(id, article);
    else article.remove();
  }
  const added = [];
  let next = list.firstElementChild;
  for (const row of rows) {
    let article = present.get(row.id);
    if (!article) {
      article = template.content.firstElementChild.cloneNode(true);
      added.push(article);
    }
    if (Number(article.dataset.revision) !== row.revision) fill(article, row);
    if (article === next) next = next.nextElementSibling;
    else list.insertBefore(article, next);
  }
  return added;
}

/** `row.content` is HTML that the server has sanitised. */
function fill(article, row) {
  article.id = `update-${row.id}`;
  Object.assign(article.dataset, { id: row.id, revision: row.revision, created: row.created });
  article.toggleAttribute("data-pinned", row.pinned);
  article.toggleAttribute("data-key-event", row.key_event);
  const link = part(article, "permalink");
  link.href = `${link.dataset.blogPath}${row.id}/`;
  part(article, "key-event").hidden = !row.key_event;
  part(article, "pinned").hidden = !row.pinned;
  for (const name of ["headline", "author", "correction"]) fillText(part(article, name), row[name]);
  part(article, "edited").hidden = !row.edited;
  part(article, "edited-time").dateTime = row.edited ?? "";
  part(article, "created").dateTime = row.created;
  const content = part(article, "content");
  const sent = content.sent ?? content.innerHTML;
  if (sent !== row.content) content.innerHTML = content.sent = row.content;
  // On the editor's page only.
  const edit = part(article, "edit");
  if (edit) edit.href = `?update=${row.id}`;
  const remove = part(article, "delete");
  if (remove) remove.value = row.id;
}

export function fillText(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/**
 * Set a text in place: screen readers announce only changes, and Chromium loses a click on a node
 * that is replaced between press and release.
 */
export function put(element, text) {
  if (element.textContent === text) return;
  if (element.firstChild instanceof Text) element.firstChild.data = text;
  else element.textContent = text;
}

/** The text for a count: data-one, or data-many with its {n} replaced. */
export function counted({ dataset }, number) {
  return number === 1 ? dataset.one : dataset.many.replace("{n}", NUMBER.format(number));
}
