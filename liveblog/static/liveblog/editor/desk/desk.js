// Shows the presence of other editors: in the header, in the form and at the updates (see
// presence.js). It also shows the connection beside the buttons, and the readers in the header.

import { openSocket } from "../../../site/open-socket.js";
import { counted, put } from "../../shared/page.js";
import { renewLists, soon } from "./lists.js";
import { at, begin, busy, people, step } from "./presence.js";

const TICK = 2000; // ms
const LONGEST_TITLE = 40; // characters
const MOST_AVATARS = 4;

const line = document.querySelector("[data-presence]");
const { dataset: words } = line;
const box = document.querySelector("[data-people]");
const form = document.querySelector("[data-composer]");
const list = document.querySelector("[data-list]");
const together = new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" });

let state = begin(opened());
let socket = null;
let welcomed = false;

function dispatch(event) {
  const turn = step(state, event, Date.now());
  state = turn.state;
  for (const effect of turn.effects) {
    if ("send" in effect) socket?.send(effect.send);
    else if ("draft" in effect) draftChanged(effect.draft);
    else show();
  }
}

/** The update in the form: "new", an id, or null without a form. */
function opened() {
  if (!form) return null;
  const id = new URL(form.getAttribute("action"), location.href).searchParams.get("update");
  return id ? Number(id) : "new";
}

function draftChanged({ id }) {
  soon();
  document.dispatchEvent(new CustomEvent("draftchanged", { detail: { id } })); // for editor.js
}

/** After a lost connection drafts may have changed unnoticed. */
function welcome() {
  if (welcomed) {
    renewLists();
    if (Number.isInteger(state.update)) draftChanged({ id: state.update });
  }
  welcomed = true;
}

// Rendering

const nameOf = ({ name, mine }) => (mine ? words.you : name);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const named = (persons) => together.format(persons.map(nameOf));

function show() {
  const others = people(state);
  box.hidden = others.length === 0;
  const all = together.format(others.map(doing));
  const text = others.length ? fill(words.also, { people: all }) : "";
  put(line, text);
  box.title = text;
  if (others.length) put(box.querySelector("[data-people-count]"), counted(box, others.length));
  box.querySelector("[data-avatars]").replaceChildren(...avatars(others));
  showAtForm();
  for (const mark of document.querySelectorAll(".mark-busy")) mark.remove();
  for (const id of busy(state)) showAtPost(id);
}

function avatars(others) {
  const shown = others.length > MOST_AVATARS ? others.slice(0, MOST_AVATARS - 1) : others;
  const found = shown.map((person) => avatar(initials(person.name), person.typing));
  const more = others.length - shown.length;
  return more ? [...found, avatar(`+${more}`)] : found;
}

function avatar(text, typing = false) {
  const element = document.createElement("span");
  element.className = typing ? "avatar avatar-typing" : "avatar";
  element.textContent = text;
  return element;
}

function initials(name) {
  const letters = name.split(/\s+/).map((word) => [...word][0] ?? "");
  return [letters[0], letters.length > 1 ? letters.at(-1) : ""].join("").toUpperCase();
}

function doing(person) {
  const { update, typing } = person;
  const name = nameOf(person);
  if (Number.isInteger(update)) {
    return fill(typing ? words.editing : words.open, { name, title: titleOf(update) });
  }
  return fill(update === "new" && typing ? words.writing : words.here, { name });
}

function showAtForm() {
  const warning = form?.querySelector("[data-busy-here]");
  if (!warning) return;
  const others = Number.isInteger(state.update) ? at(state, state.update) : [];
  warning.hidden = others.length === 0;
  const text = others.length > 1 ? words.sameMany : words.same;
  put(warning, others.length ? fill(text, { people: named(others) }) : "");
}

function showAtPost(id) {
  const others = at(state, id);
  const text = others.some(({ typing }) => typing) ? words.markEditing : words.markOpen;
  for (const row of rowsOf(id)) {
    const mark = document.createElement("span");
    mark.className = "mark mark-busy";
    mark.textContent = fill(text, { people: named(others) });
    row.querySelector(".update-meta, [data-marks]").append(mark);
  }
}

const posts = document.querySelector("[data-posts]");
const rowsOf = (id) => [...posts.querySelectorAll(`[data-id="${id}"]`)];

function titleOf(id) {
  const parts = "[data-part=headline], [data-part=content], [data-row-title]";
  const [row] = rowsOf(id);
  const text = [...(row?.querySelectorAll(parts) ?? [])]
    .map((part) => part.textContent.trim())
    .find(Boolean);
  if (!text) return words.anUpdate;
  return text.length > LONGEST_TITLE ? `${text.slice(0, LONGEST_TITLE)}…` : text;
}

// Set the history links of new updates, which reader.js does not know.

new MutationObserver(() => {
  for (const link of list.querySelectorAll("[data-history]")) {
    link.href = `${location.pathname}${link.closest("[data-id]").dataset.id}/history/`;
  }
  if (busy(state).size) show();
}).observe(list, { childList: true });

// What the stream's bar says, where editors look.

const connection = document.querySelector("[data-connection]");
const readers = document.querySelector("[data-desk-readers]");
const theirs = document.querySelector("[data-stream] [data-status]");
const counts = document.querySelector("[data-stream] [data-readers]");

function mirror() {
  put(readers, counts.hidden ? "" : counts.textContent);
  if (!connection) return;
  const { status } = theirs.dataset;
  connection.hidden = false;
  connection.dataset.now = status;
  put(connection, connection.dataset[status] ?? theirs.textContent);
}

const changes = { childList: true, characterData: true, attributes: true, subtree: true };
for (const element of [theirs, counts]) new MutationObserver(mirror).observe(element, changes);
mirror();

// Events

if (form) {
  form.addEventListener("input", () => dispatch({ type: "typed" }));
  new MutationObserver(() => dispatch({ type: "open", update: opened() })).observe(form, {
    attributeFilter: ["action"],
  });
}
setInterval(dispatch, TICK, { type: "tick" });
socket = openSocket(line.dataset.socket, {
  onFrame(frame) {
    dispatch({ type: "frame", frame });
    if (frame.type === "welcome") welcome();
  },
  onState: (name) => name !== "live" && name !== "connecting" && dispatch({ type: "lost" }),
});
