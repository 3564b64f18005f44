// Performs the effects of stream.js, and passes it the events of the socket, the timers and the DOM.
// Tells other scripts by DOM events of the stream's element: "draw" before the list changes, "drawn"
// with the new articles, "merged" with the rows that were believed, "about", "readers".

import { Socket, parsed } from "../../../site/socket.js";
import { readPlace, readRows, render } from "../../shared/page.js";
import { begin, step } from "./stream.js";

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const template = stream.querySelector("template");
const empty = stream.querySelector("[data-empty]");
const status = stream.querySelector("[data-status]");
const older = stream.querySelector("[data-older]");
const outdated = stream.querySelector("[data-outdated]");

let state = begin({
  revision: Number(stream.dataset.revision),
  rows: readRows(list),
  floor: readPlace(stream, "floor"),
  ceiling: readPlace(stream, "ceiling"),
  pageSize: Number(stream.dataset.pageSize),
  pulse: Number(stream.dataset.pulse),
  stage: stream.dataset.state,
  stay: "stay" in stream.dataset,
  oldestFirst: stream.dataset.order === "oldest",
});
let request = null; // the AbortController of the last poll
const timers = new Map();

function dispatch(event) {
  const turn = step(state, event);
  state = turn.state;
  for (const effect of turn.effects) perform(effect);
}

function perform(effect) {
  if ("connect" in effect) socket.connect(stream.dataset.socket + query(effect.connect));
  else if ("reconnect" in effect) socket.reconnect(effect.reconnect);
  else if ("close" in effect) socket.close();
  else if ("send" in effect) socket.send({ ...effect.send, parts: true });
  else if ("poll" in effect) poll(effect);
  else if ("schedule" in effect) schedule(effect.schedule, effect.ms);
  else if ("cancel" in effect) clearTimeout(timers.get(effect.cancel));
  else if ("render" in effect) show(effect.render);
  else if ("merged" in effect) tell("merged", effect);
  else if ("blog" in effect) showAbout(effect.blog);
  else if ("status" in effect) showStatus(effect.status, effect.code);
  else if ("readers" in effect) tell("readers", effect.readers);
  else if ("outdated" in effect) outdated.hidden = false;
}

// The connection and the timers

const socket = new Socket({
  open: () => dispatch({ type: "open" }),
  frame: (frame) => dispatch({ type: "frame", frame }),
  close: (closed) => dispatch({ type: "close", ...closed }),
  due: () => dispatch({ type: "timer", timer: "retry" }),
});

async function poll(effect) {
  request?.abort();
  request = new AbortController();
  let answer = { code: 0 };
  try {
    const { signal } = request;
    // Even a copy that the browser cached this second may be old.
    const init = { signal, cache: "no-cache" };
    const response = await fetch(stream.dataset.updates + query(effect), init);
    answer = { code: response.status, frame: parsed(await response.text()) };
  } catch {
    // No response: code 0.
  }
  dispatch({ type: "polled", poll: effect.poll, ...answer });
}

function query({ after }) {
  return `?after=${after}&parts=1`;
}

function schedule(timer, ms) {
  clearTimeout(timers.get(timer));
  timers.set(timer, setTimeout(dispatch, ms, { type: "timer", timer }));
}

// The page

function show(rows) {
  tell("draw", rows);
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
  tell("about", blog);
  stream.dataset.state = blog.state;
  showStatus(state.status);
}

/** A blog that has ended, or not begun, is not called live. */
function showStatus(name, code) {
  const { dataset } = status;
  const special = status.getAttribute(`data-${name}-${stream.dataset.state}`);
  dataset.status = name;
  status.textContent = dataset[`text${code ?? ""}`] || special || dataset[name];
}

// Events

const wake = () => dispatch({ type: "wake", hidden: document.hidden });

stream.addEventListener("older", ({ detail }) => dispatch({ type: "older", ...detail }));
addEventListener("online", wake);
addEventListener("pageshow", ({ persisted }) => persisted && wake());
addEventListener("pagehide", () => dispatch({ type: "sleep" }));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) dispatch({ type: "hide" });
  else wake();
});

dispatch({ type: "start" });
