// Shows the presence of other editors: above the form, in it and at the updates. See presence.js.

import { openSocket } from "../../site/open-socket.js";
import { counted, put } from "../shared/page.js";
import { at, begin, busy, people, step } from "./presence.js";

const TICK = 2000; // ms
const REFRESH = 1000; // ms; several changes of drafts within it cause one reload of the list
const LONGEST_TITLE = 40; // characters

const line = document.querySelector("[data-presence]");
const { dataset: words } = line;
const form = document.querySelector("[data-composer]");
const list = document.querySelector("[data-list]");
const together = new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" });

let state = begin(opened());
let socket = null;
let refresh = 0;

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

function draftChanged({ id, gone }) {
  const known = document.querySelector(`[data-drafts] [data-id="${Number(id)}"]`);
  if (refresh || (gone && !known)) return;
  refresh = setTimeout(() => {
    refresh = 0;
    document.dispatchEvent(new CustomEvent("draftschanged")); // for drafts.js
  }, REFRESH);
}

// Rendering

const nameOf = ({ name, mine }) => (mine ? words.you : name);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const named = (persons) => together.format(persons.map(nameOf));

function show() {
  const others = people(state);
  line.hidden = others.length === 0;
  put(line.firstElementChild, fill(words.also, { people: together.format(others.map(doing)) }));
  line.title = line.textContent; // the line may be truncated
  showAtForm();
  for (const mark of document.querySelectorAll(".mark-busy")) mark.remove();
  for (const id of busy(state)) showAtPost(id);
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
  put(warning, others.length ? fill(words.same, { people: named(others) }) : "");
}

function showAtPost(id) {
  const others = at(state, id);
  const place = rowOf(id)?.querySelector(".update-meta, [data-marks]");
  if (!place) return;
  const text = others.some(({ typing }) => typing) ? words.markEditing : words.markOpen;
  const mark = document.createElement("span");
  mark.className = "mark mark-busy";
  mark.textContent = fill(text, { people: named(others) });
  place.append(mark);
}

function rowOf(id) {
  return document.querySelector(`[data-list] [data-id="${id}"], [data-drafts] [data-id="${id}"]`);
}

function titleOf(id) {
  const row = rowOf(id);
  const parts = row?.querySelectorAll("[data-part=headline], [data-part=content], .draft-text");
  const text = [...(parts ?? [])].map((part) => part.textContent.trim()).find(Boolean);
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

// The number of drafts awaiting review, in the header.

const waiting = document.querySelector("[data-waiting]");

function countWaiting() {
  const number = document.querySelectorAll("[data-drafts] [data-review]").length;
  waiting.hidden = number === 0;
  if (number) put(waiting, counted(waiting, number));
}

if (waiting) {
  countWaiting();
  new MutationObserver(countWaiting).observe(document.querySelector("[data-drafts] ul"), {
    childList: true,
  });
}

// Events

if (form) {
  form.addEventListener("input", () => dispatch({ type: "typed" }));
  new MutationObserver(() => dispatch({ type: "open", update: opened() })).observe(form, {
    attributeFilter: ["action"],
  });
}
setInterval(dispatch, TICK, { type: "tick" });
socket = openSocket(line.dataset.socket, {
  onFrame: (frame) => dispatch({ type: "frame", frame }),
  onState: (name) => name !== "live" && name !== "connecting" && dispatch({ type: "lost" }),
});
