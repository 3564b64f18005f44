// The page of a chat room.

import { openSocket, showState } from "../site/open-socket.js";
import { MOST_LINES, begin, step } from "./chat-lines.js";

const HISTORY_WITHIN = 5000; // ms; then the lines that have arrived are shown without it
const SPREAD = 1000; // ms in which the pages of a room ask for what all of them have missed

const room = document.querySelector("[data-room]");
const lines = room.querySelector("[data-lines]");
const template = room.querySelector("template");
const empty = room.querySelector("[data-empty]");
const form = room.querySelector("form");
const field = form.elements.message;
const problem = room.querySelector("[data-problem]");
const status = room.querySelector("[data-status]");
const me = room.dataset.me;
const language = document.documentElement.lang;
const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const clock = new Intl.DateTimeFormat(language, time);
const calendar = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", ...time });

let state = begin();
let patience; // timer

const socket = openSocket(connectionPath, {
  onFrame,
  onState(name, code) {
    showState(status, name, code);
    clearTimeout(patience);
    if (name !== "live") return;
    say("");
    if (state.waiting) waitForHistory();
  },
});

function connectionPath() {
  dispatch({ type: "connect" });
  return `${room.dataset.socket}?after=${state.after}`;
}

function onFrame(frame) {
  if (frame.type === "error") say(frame.message);
  else if (frame.type === "mute") say(room.dataset.muted.replace("{name}", frame.user));
  else dispatch({ type: "frame", frame });
}

function dispatch(event) {
  const turn = step(state, event);
  state = turn.state;
  if (!state.waiting) clearTimeout(patience);
  for (const { add, remove, gap, ask } of turn.effects) {
    if (add) addLine(add);
    else if (remove) lines.querySelector(`#${lineId(remove)}`)?.remove();
    else if (gap) addGap();
    else setTimeout(askFor, Math.random() * SPREAD, ask);
  }
  empty.hidden = lines.children.length > 0;
}

function askFor(after) {
  if (socket.send({ after })) waitForHistory();
}

function waitForHistory() {
  clearTimeout(patience);
  patience = setTimeout(dispatch, HISTORY_WITHIN, { type: "timeout" });
}

// The id may be any text that staff have sent.
const lineId = (id) => CSS.escape(`line-${id}`);

function addLine({ message, user, id, sent, announcement }) {
  const following = isAtEnd();
  const line = template.content.firstElementChild.cloneNode(true);
  const part = (name) => line.querySelector(`[data-part="${name}"]`);
  line.id = `line-${id}`;
  line.toggleAttribute("data-mine", !announcement && user === me);
  line.toggleAttribute("data-announcement", Boolean(announcement));
  part("user").textContent = announcement ? room.dataset.announcement : user;
  part("message").textContent = message;
  part("sent").dateTime = sent;
  const moment = new Date(sent);
  const isToday = moment.toDateString() === new Date().toDateString();
  part("sent").textContent = (isToday ? clock : calendar).format(moment);
  part("delete")?.addEventListener("click", () => socket.send({ delete: id }));
  const mute = part("mute");
  if (mute && (announcement || user === me)) mute.remove();
  else mute?.addEventListener("click", () => socket.send({ mute: user }));
  append(line);
  // A message stays in the field until the room has received it.
  if (user === me && message === field.value.trim()) field.value = "";
  if (following || user === me) lines.scrollTop = lines.scrollHeight;
}

function addGap() {
  if (lines.lastElementChild?.hasAttribute("data-gap")) return;
  const following = isAtEnd();
  const gap = document.createElement("p");
  gap.className = "line-gap";
  gap.dataset.gap = "";
  gap.textContent = room.dataset.missing;
  append(gap);
  if (following) lines.scrollTop = lines.scrollHeight;
}

function append(element) {
  lines.append(element);
  if (lines.children.length > MOST_LINES) lines.firstElementChild.remove();
}

function isAtEnd() {
  return lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
}

function say(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  say("");
  const message = field.value.trim();
  if (message && !socket.send({ message })) say(room.dataset.away);
  field.focus();
});
