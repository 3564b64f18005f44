// The thin rim around stream.js: its effects become sockets, timers and DOM, and what happens
// there goes back into it as events.

import {
  counted,
  keepPlace,
  readPlace,
  readRows,
  render,
  showBlog,
  showLocalTimes,
} from "./page.js";
import { begin, step } from "./stream.js";

const stream = document.querySelector("[data-stream]");
const list = stream.querySelector("[data-list]");
const template = stream.querySelector("template");
const empty = stream.querySelector("[data-empty]");
const status = stream.querySelector("[data-status]");
const jump = stream.querySelector("[data-jump]");
const summary = stream.querySelector("[data-summary]");
const older = stream.querySelector("[data-older]");
const outdated = stream.querySelector("[data-outdated]");

let state = begin({
  revision: Number(stream.dataset.revision),
  rows: readRows(list),
  floor: readPlace(stream, "floor"),
  ceiling: readPlace(stream, "ceiling"),
  pageSize: Number(stream.dataset.pageSize),
});
let socket = null;
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
  else if ("schedule" in effect) schedule(effect.schedule, effect.ms);
  else if ("cancel" in effect) clearTimeout(timers.get(effect.cancel));
  else if ("render" in effect) show(effect.render);
  else if ("blog" in effect) showAbout(effect.blog);
  else if ("status" in effect) showStatus(effect.status, effect.code);
  else if ("outdated" in effect) outdated.hidden = false;
}

// The socket and the timers

function connect(connection, after) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}${stream.dataset.socket}?after=${after}`);
  socket.onopen = () => dispatch({ type: "open", connection });
  socket.onclose = ({ code }) => dispatch({ type: "close", connection, code });
  socket.onmessage = ({ data }) => {
    const frame = parsed(data);
    if (frame) dispatch({ type: "frame", connection, frame });
  };
}

/** The frame, or null where a proxy on the way put something else into the socket. */
function parsed(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

function send(message) {
  // A socket that closes just now has its close event coming, which leads to a reconnect.
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function schedule(timer, ms) {
  clearTimeout(timers.get(timer));
  timers.set(timer, setTimeout(dispatch, ms, { type: "timer", timer }));
}

// The page

function show(rows) {
  const added = keepPlace(list, () => render(list, template, rows));
  empty.hidden = rows.length > 0;
  if (older) {
    older.hidden = !state.floor;
    if (state.floor) older.querySelector("a").href = `?before=${state.floor.id}`;
  }
  for (const article of added) {
    article.classList.add("is-new");
    arrivals.observe(article);
  }
  if (added.length) summary.textContent = counted(summary, added.length);
  countUnseen(); // of those removed by this change
}

// New posts that have not been in sight yet. The button counts them and leads to them.
const unseen = new Set();
const arrivals = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) {
      arrivals.unobserve(target);
      unseen.delete(target);
    } else {
      unseen.add(target);
    }
  }
  countUnseen();
});

function countUnseen() {
  for (const article of unseen) if (!article.isConnected) unseen.delete(article);
  jump.hidden = unseen.size === 0;
  if (unseen.size) jump.textContent = counted(jump, unseen.size);
}

jump.addEventListener("click", () => {
  const first = [...list.children].find((article) => unseen.has(article));
  unseen.clear();
  countUnseen();
  first?.scrollIntoView(); // smooth where the style sheet says so
  first?.focus({ preventScroll: true });
});

function showAbout(blog) {
  showBlog(blog);
  stream.dataset.state = blog.state;
  showStatus(state.status);
}

/** Say it in words; a blog that has ended is not called live. */
function showStatus(name, code) {
  const { dataset } = status;
  const ended = stream.dataset.state === "ended" && dataset[`${name}Ended`];
  dataset.status = name;
  status.textContent = dataset[`text${code ?? ""}`] || ended || dataset[name];
}

// Events

addEventListener("online", () => dispatch({ type: "wake" }));
addEventListener("pageshow", () => dispatch({ type: "wake" }));
addEventListener("pagehide", () => dispatch({ type: "sleep" }));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") dispatch({ type: "wake" });
});

showLocalTimes(document);
dispatch({ type: "start" });
