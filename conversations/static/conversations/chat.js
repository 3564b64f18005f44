// The page of a chat room.

import { openSocket, showState } from "../site/open-socket.js";

const MOST_LINES = 500; // older ones are removed

const room = document.querySelector("[data-room]");
const lines = room.querySelector("[data-lines]");
const template = room.querySelector("template");
const empty = room.querySelector("[data-empty]");
const form = room.querySelector("form");
const field = form.elements.message;
const problem = room.querySelector("[data-problem]");
const status = room.querySelector("[data-status]");
const me = room.dataset.me;
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

const socket = openSocket(room.dataset.socket, {
  onFrame,
  onState(name, code) {
    showState(status, name, code);
    if (name === "live") say("");
  },
});

function onFrame(frame) {
  if (typeof frame.message === "string" && frame.type === undefined) addLine(frame);
  else if (frame.type === "delete") lines.querySelector(`#${lineId(frame.id)}`)?.remove();
  else if (frame.type === "error") say(frame.message);
  else if (frame.type === "mute") say(room.dataset.muted.replace("{name}", frame.user));
  empty.hidden = lines.children.length > 0;
}

// Ids are base64url; a selector must not begin with a digit.
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
  part("sent").textContent = clock.format(new Date(sent));
  part("delete")?.addEventListener("click", () => socket.send({ delete: id }));
  const mute = part("mute");
  if (mute && (announcement || user === me)) mute.remove();
  else mute?.addEventListener("click", () => socket.send({ mute: user }));
  lines.append(line);
  if (lines.children.length > MOST_LINES) lines.firstElementChild.remove();
  // A message stays in the field until the room has received it.
  if (user === me && message === field.value.trim()) field.value = "";
  if (following || user === me) lines.scrollTop = lines.scrollHeight;
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
