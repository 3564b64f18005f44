// Headings with the day between the updates, in the reader's time zone; the server's are in UTC.
//
// They stand in the list only while no other script changes it. place.js, which measures before the
// change, must be loaded before this one.

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const { order, floorId, ceilingId } = stream.dataset;
const isFirst = !(order === "oldest" ? floorId : ceilingId); // pinned updates are on top
const DAY = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full" });

const headings = new Map(); // text -> element
for (const heading of list.querySelectorAll(":scope > .day")) {
  headings.set(heading.textContent, heading);
}

function headingOf(day) {
  let heading = headings.get(day);
  if (!heading) {
    heading = Object.assign(document.createElement("h2"), { className: "day", textContent: day });
    headings.set(day, heading);
  }
  return heading;
}

function remove() {
  for (const heading of list.querySelectorAll(":scope > .day")) heading.remove();
}

function insert() {
  remove();
  let last = null;
  for (const article of list.querySelectorAll(":scope > article")) {
    if (isFirst && "pinned" in article.dataset) continue;
    const day = DAY.format(Date.parse(article.dataset.created));
    if (day !== last) article.before(headingOf(day));
    last = day;
  }
}

stream.addEventListener("draw", remove);
stream.addEventListener("drawn", insert, { capture: true }); // before place.js measures again
insert();
