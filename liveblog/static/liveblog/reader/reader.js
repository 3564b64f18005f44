// Joins stream.js with the page: its effects become sockets, timers and DOM, and what happens there
// goes back into it as events. Other scripts follow by DOM events of the stream's element: "draw"
// before the list changes, "drawn" with the articles that are new, "merged" with the rows that were
// believed.

import { counted, readPlace, readRows, render, showBlog } from "../shared/page.js";
import { begin, step } from "./stream.js";

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const template = stream.querySelector("template");
const empty = stream.querySelector("[data-empty]");
const status = stream.querySelector("[data-status]");
const readers = stream.querySelector("[data-readers]");
const older = stream.querySelector("[data-older]");
const outdated = stream.querySelector("[data-outdated]");

let state = begin({
  revision: Number(stream.dataset.revision),
  rows: readRows(list),
  floor: readPlace(stream, "floor"),
  ceiling: readPlace(stream, "ceiling"),
  pageSize: Number(stream.dataset.pageSize),
  stage: stream.dataset.state,
  stay: "stay" in stream.dataset,
  oldestFirst: stream.dataset.order === "oldest",
});
let socket = null;
let request = null; // the AbortController of the last poll
const timers = new Map();

function dispatch(event) {
  const turn = step(state, event);
  state = turn.state;
  for (const effect of turn.effects) perform(effect);
}

function perform(effect) {
  if ("connect" in effect) connect(effect.connect, effect.after);
  else if ("close" in effect) socket?.close();
  else if ("send" in effect) send(effect.send);
  else if ("poll" in effect) poll(effect.poll, effect.after);
  else if ("schedule" in effect) schedule(effect.schedule, effect.ms);
  else if ("cancel" in effect) clearTimeout(timers.get(effect.cancel));
  else if ("render" in effect) show(effect.render);
  else if ("merged" in effect) tell("merged", effect);
  else if ("blog" in effect) showAbout(effect.blog);
  else if ("status" in effect) showStatus(effect.status, effect.code);
  else if ("readers" in effect) showReaders(effect.readers);
  else if ("outdated" in effect) outdated.hidden = false;
}

// The socket and the timers

function connect(connection, after) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  try {
    socket = new WebSocket(`${scheme}://${location.host}${stream.dataset.socket}${query(after)}`);
  } catch {
    // Policies can forbid sockets. Not at once: no event while an effect is performed.
    setTimeout(dispatch, 0, { type: "close", connection, code: 1006 });
    return;
  }
  socket.onopen = () => dispatch({ type: "open", connection });
  socket.onclose = ({ code }) => dispatch({ type: "close", connection, code });
  socket.onmessage = ({ data }) => {
    const frame = parsed(data);
    if (frame) dispatch({ type: "frame", connection, frame });
  };
}

async function poll(number, after) {
  request?.abort();
  request = new AbortController();
  let answer = { code: 0, frame: null };
  try {
    const { signal } = request;
    // The browser's copy, even of this second, may be old: ask whether it changed.
    const init = { signal, cache: "no-cache" };
    const response = await fetch(stream.dataset.updates + query(after), init);
    answer = { code: response.status, frame: parsed(await response.text()) };
  } catch {
    // No answer is one, too.
  }
  dispatch({ type: "polled", poll: number, ...answer });
}

/** Long replays come in parts: each counts where the line is slow. */
function query(after) {
  return `?after=${after}&parts=1`;
}

/** The frame, or null where a proxy put something else into the socket. */
function parsed(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

function send(message) {
  // A socket that is closing reconnects by its close event.
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ ...message, parts: true }));
}

function schedule(timer, ms) {
  clearTimeout(timers.get(timer));
  timers.set(timer, setTimeout(dispatch, ms, { type: "timer", timer }));
}

// The page

function show(rows) {
  tell("draw");
  const added = render(list, template, rows);
  empty.hidden = rows.length > 0;
  if (older) {
    older.hidden = !state.floor;
    if (state.floor) older.querySelector("a").search = `?before=${state.floor.id}`;
  }
  for (const article of added) article.classList.add("is-new");
  tell("drawn", added);
}

function tell(name, detail) {
  stream.dispatchEvent(new CustomEvent(name, { detail }));
}

function showAbout(blog) {
  showBlog(blog);
  stream.dataset.state = blog.state;
  showStatus(state.status);
}

/** A blog that has ended is not called live. */
function showStatus(name, code) {
  const { dataset } = status;
  const ended = stream.dataset.state === "ended" && dataset[`${name}Ended`];
  dataset.status = name;
  status.textContent = dataset[`text${code ?? ""}`] || ended || dataset[name];
}

function showReaders(number) {
  readers.hidden = number === null;
  readers.textContent = number === null ? "" : counted(readers, number);
}

// Events

const wake = () => dispatch({ type: "wake", hidden: document.hidden });

addEventListener("online", wake);
addEventListener("pageshow", ({ persisted }) => persisted && wake());
addEventListener("pagehide", () => dispatch({ type: "sleep" }));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) dispatch({ type: "hide" });
  else wake();
});

dispatch({ type: "start" });
