// The page of a voice room: the microphone, the members, and notices.

import { Peer } from "./peer.js";
import { openSocket, showState } from "../site/open-socket.js";

const room = document.querySelector("[data-room]");
const { dataset } = room;
const list = room.querySelector("[data-members]");
const template = room.querySelector("template");
const status = room.querySelector("[data-status]");
const notice = room.querySelector("[data-notice]");
const join = room.querySelector("[data-join]");
const leave = room.querySelector("[data-leave]");
const silence = room.querySelector("[data-silence]");
const iceServers = JSON.parse(document.getElementById("ice-servers").textContent);

const members = new Map(); // id -> {row, peer}
let me = null;
let stream = null;
let socket = null;

showIdle();

join.addEventListener("click", async () => {
  join.disabled = true;
  say("");
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    say(dataset[`mic${error.name.toLowerCase()}`] || dataset.micOther);
    return;
  } finally {
    join.disabled = false;
  }
  for (const track of stream.getTracks()) track.onended = () => say(dataset.micGone);
  showJoined(true);
  socket = openSocket(dataset.socket, { onFrame, onState });
});

leave.addEventListener("click", () => end(""));

silence.addEventListener("click", () => {
  const silent = silence.getAttribute("aria-pressed") !== "true";
  silence.setAttribute("aria-pressed", silent);
  for (const track of stream.getTracks()) track.enabled = !silent;
});

addEventListener("offline", () => socket && say(dataset.offline));
addEventListener("online", restart);
navigator.connection?.addEventListener("change", restart);

function restart() {
  if (!socket) return;
  say(dataset.changed);
  for (const { peer } of members.values()) peer?.restart();
}

function onState(name, code) {
  showState(status, name, code);
  if (name === "stopped") end(status.textContent);
}

function onFrame(frame) {
  const { type, id, from, user } = frame;
  if (type === "welcome") {
    clear();
    me = id;
    add(id, user ?? dataset.you);
    for (const other of frame.members) meet(other, false);
  } else if (type === "joined" && id !== me) {
    meet({ id, user }, true);
    say(dataset.came.replace("{name}", user));
  } else if (type === "left" && members.has(id)) {
    say(dataset.went.replace("{name}", members.get(id).user));
    drop(id);
  } else if (type === "error" && frame.code !== "no_member") {
    say(frame.message); // candidates to a member that has just left are refused
  } else if (["offer", "answer", "candidate"].includes(type)) {
    members.get(from)?.peer?.take(type, frame[type]);
  }
}

/** Connect to another member; `calls` if it joined after us. */
function meet({ id, user }, calls) {
  drop(id);
  const { row } = add(id, user);
  members.get(id).peer = new Peer({
    calls,
    iceServers,
    stream,
    audio: row.querySelector("audio"),
    send: (kind, value) => socket.send({ to: id, [kind]: value }),
    onState: (state) => {
      show(row, state);
      if (state === "disconnected" || state === "failed") {
        say(dataset.lost.replace("{name}", user));
      } else if (state === "connected") {
        say("");
      }
    },
  });
  show(row, "connecting");
}

function add(id, user) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.querySelector("[data-part=user]").textContent = user;
  row.toggleAttribute("data-me", id === me);
  list.append(row);
  const member = { row, user };
  members.set(id, member);
  return member;
}

function show(row, state) {
  row.dataset.state = state;
  row.querySelector("[data-part=state]").textContent = dataset[`state${state}`] ?? state;
}

function drop(id) {
  const member = members.get(id);
  if (!member) return;
  member.peer?.close();
  member.row.remove();
  members.delete(id);
}

function clear() {
  for (const id of [...members.keys()]) drop(id);
}

function end(sentence) {
  socket?.close();
  socket = null;
  clear();
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  showJoined(false);
  showIdle();
  say(sentence);
}

function showIdle() {
  status.dataset.status = "idle";
  status.textContent = status.dataset.stopped;
}

function showJoined(joined) {
  join.hidden = joined;
  leave.hidden = silence.hidden = !joined;
  silence.setAttribute("aria-pressed", false);
  (joined ? leave : join).focus();
}

function say(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}
