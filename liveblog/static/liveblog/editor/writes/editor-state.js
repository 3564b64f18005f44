// The client side of a write: when to send it, when to retry, when to clear the form.
//
// Pure: `step` takes a state, an event and a source of randomness, and returns the next state and
// a list of effects.
//
// A write is {key, update, version, fields}. It never changes once it was sent: until the outcome
// is known it is retried with the same idempotency key, so it is done once. Later edits of the form
// become a second write, which changes the result of the first.
//
// Events   {type: "submit", fields, key}                   key: a new one
//          {type: "answer", key, request, status, body, fields}   status 0: none; fields: the form
//          {type: "open", update, version}   the form has another update; no write is pending
//          {type: "now"}  {type: "timer", timer}
//          {type: "deleted", current}   somebody has deleted the update in the form
//          {type: "overtaken", current}   somebody has changed it
//          {type: "confirmed", id, version}   it is there, with the texts that the form began with
//          {type: "compare"}   show how the texts differ
//          {type: "mine"}  {type: "theirs"}   the resolution of a conflict
//          {type: "discard"}
// Effects  {send: request, write, refresh}   refresh: get a new CSRF token first
//          {schedule, ms}  {cancel}  {say, message}  {keep: write or null}
//          {clear}  {continueAs: ack}  {invalid: fields}  {conflict: current or null, quiet}
//          {overtaken: current or null}
//          {fill: current}  {rebase: current}  {login: boolean}  {retry: boolean}

export const FIRST_DELAY = 1000; // ms; bound of the first delay, doubled each time
export const LONGEST_DELAY = 15_000;
export const PATIENCE = 10_000; // ms to wait for an answer

/** `write`: one whose outcome was unknown when the page was left. */
export function begin({ update = null, version = "", write = null } = {}) {
  return {
    update, // the id of the update in the form, null for a new one
    version, // the version in the form
    phase: "idle", // sending, waiting, login
    write, // the pending one
    next: null, // {fields, key} of a later submit
    request: 0,
    attempt: 0,
    refreshed: false, // the CSRF token was renewed
    conflict: null, // the current row on the server
    compared: false, // the editor sees how it differs
  };
}

export function step(state, event, random = Math.random) {
  const turn = { state: { ...state }, effects: [], random };
  EVENTS[event.type](turn, event);
  return { state: turn.state, effects: turn.effects };
}

/** Whether two forms have the same content, whichever button was pressed, and when. */
export function same(a, b) {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const name of ["action", "pressed"]) names.delete(name);
  return [...names].every((name) => (a[name] ?? "") === (b[name] ?? ""));
}

const HIDDEN = new Set(["drafted", "scheduled"]); // not visible to readers

const EVENTS = { submit, open, answer, now, timer, mine, theirs, discard };
Object.assign(EVENTS, { deleted, overtaken, confirmed, compare });

function submit(turn, { fields, key }) {
  const { state } = turn;
  if (!state.write) {
    start(turn, { key, fields, update: state.update, version: state.version });
    return;
  }
  state.next = same(fields, state.write.fields) ? null : { fields, key };
  now(turn);
}

function open(turn, { update, version }) {
  settle(turn);
  Object.assign(turn.state, { update, version });
}

function start(turn, write) {
  Object.assign(turn.state, { write, next: null, attempt: 0, refreshed: false });
  settle(turn);
  turn.effects.push({ keep: write });
  send(turn, false);
}

function send({ state, effects }, refresh) {
  state.phase = "sending";
  state.request += 1;
  effects.push({ cancel: "retry" }, { send: state.request, write: state.write, refresh });
  effects.push({ schedule: "patience", ms: PATIENCE }, { say: "sending" });
  effects.push({ retry: false }, { login: false });
}

/** Retry at once: by hand, or because the network is back. */
function now(turn) {
  const { state } = turn;
  if (!state.write || state.phase === "sending") return;
  const refresh = state.phase === "login"; // a login changes the token
  state.refreshed = refresh;
  send(turn, refresh);
}

function timer(turn, { timer: name }) {
  const { phase } = turn.state;
  if (name === "retry" && phase === "waiting") send(turn, false);
  if (name === "patience" && phase === "sending") later(turn);
}

/** Retry after a growing delay with jitter. */
function later(turn) {
  const { state, effects, random } = turn;
  const bound = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** state.attempt);
  state.attempt += 1;
  state.phase = "waiting";
  effects.push({ schedule: "retry", ms: Math.floor((bound * (1 + random())) / 2) });
  effects.push({ say: "waiting" }, { retry: true });
}

function answer(turn, { key, request, status, body, fields }) {
  const { state, effects } = turn;
  if (!state.write || key !== state.write.key) return;
  if (status === 200 && body?.type === "ack" && body.key === key) {
    // Valid however late it is.
    acknowledged(turn, body, fields);
    return;
  }
  if (request !== state.request || state.phase !== "sending") return; // a request that was given up
  effects.push({ cancel: "patience" });
  if (status === 401) {
    state.phase = "login";
    effects.push({ say: "login" }, { login: true }, { retry: true });
  } else if (status === 403 && (!body || body.code === "csrf") && !state.refreshed) {
    state.refreshed = true;
    send(turn, true);
  } else if (status === 409 && body?.code === "conflict") {
    refuse(turn, "conflict");
    meet(turn, body.current);
  } else if (status === 422 && body?.code === "invalid") {
    const { next } = state;
    refuse(turn, "invalid");
    if (next) submit(turn, next);
    else effects.push({ invalid: body.fields });
  } else if (status < 400 || status === 408 || status === 429 || status >= 500) {
    later(turn); // below 400 without an ack: from a proxy or a login page
  } else {
    refuse(turn, "refused", body?.message);
  }
}

/** The write was rejected; its key will not be used again. */
function refuse({ state, effects }, say, message) {
  Object.assign(state, { phase: "idle", write: null, next: null });
  effects.push({ keep: null }, { say, message });
}

function acknowledged(turn, ack, fields) {
  const { state, effects } = turn;
  const { write, next } = state;
  Object.assign(state, { phase: "idle", write: null, next: null });
  for (const name of ["retry", "patience"]) effects.push({ cancel: name });
  effects.push({ keep: null }, { say: ack.action }, { retry: false }, { login: false });
  if (ack.action !== "deleted" && (next || !same(fields, write.fields))) {
    Object.assign(state, { update: ack.id, version: ack.version ?? ack.revision });
    effects.push({ continueAs: ack });
    if (next) submit(turn, HIDDEN.has(ack.action) ? next : { ...next, ...published(next) });
  } else {
    Object.assign(state, { update: null, version: "" });
    effects.push({ clear: true });
  }
}

/** A published update cannot become a draft or be scheduled. */
function published({ fields }) {
  return { fields: { ...fields, action: "publish", publish_at: "" } };
}

// A conflict

/** Show how the form differs from the row. `quiet`: without moving the focus. */
function meet({ state, effects }, current, quiet = false) {
  Object.assign(state, { conflict: current, compared: true });
  effects.push({ overtaken: null }, { conflict: current, quiet });
}

/** Noticed while the form is idle; a pending write is answered with the conflict. */
function deleted(turn, { current }) {
  const { state, effects } = turn;
  if (state.write || state.update !== current.id) return;
  meet(turn, current, true);
  effects.push({ say: "gone" });
}

/** Noticed likewise. The editor is told; the texts are compared when they ask for it. */
function overtaken(turn, { current }) {
  const { state, effects } = turn;
  if (state.write || !isNews(state, current)) return;
  const wasDeleted = state.conflict?.action === "deleted";
  if (state.compared) meet(turn, current, true);
  else {
    state.conflict = current;
    effects.push({ overtaken: current });
  }
  if (wasDeleted) effects.push({ say: "back" });
}

function compare(turn) {
  if (turn.state.conflict) meet(turn, turn.state.conflict);
}

/** A change of what the form leaves alone, such as a flag, or a deletion that was undone. */
function confirmed(turn, { id, version }) {
  const { state, effects } = turn;
  if (state.write || !isNews(state, { id, version })) return;
  const wasDeleted = state.conflict?.action === "deleted";
  state.version = version;
  settle(turn);
  if (wasDeleted) effects.push({ say: "back" });
}

/** Whether it is a newer version of the update in the form. Drafts count below 0, downwards. */
function isNews({ update, version: begun, conflict }, { id, version }) {
  const seen = Number(conflict ? (conflict.version ?? conflict.revision) : begun);
  const both = version > 0 === seen > 0;
  return id === update && (both ? Math.abs(version) > Math.abs(seen) : version > 0);
}

/** Keep the text of the form, to be published over the current version. Sends nothing. */
function mine(turn) {
  const { state, effects } = turn;
  const { conflict } = state;
  if (!conflict) return;
  look(state);
  settle(turn);
  const say = conflict.action === "deleted" ? "anew" : "kept";
  effects.push({ rebase: conflict }, { say });
}

function theirs(turn) {
  const { state, effects } = turn;
  const { conflict } = state;
  if (!conflict) return;
  look(state);
  settle(turn);
  effects.push(state.update === null ? { clear: true } : { fill: conflict }, { say: "dropped" });
}

/** Continue from the current version. A deleted update can only be published as a new one. */
function look(state) {
  const { action, version, revision } = state.conflict;
  if (action === "deleted") Object.assign(state, { update: null, version: "" });
  else state.version = version ?? revision;
}

function settle({ state, effects }) {
  if (!state.conflict) return;
  Object.assign(state, { conflict: null, compared: false });
  effects.push({ overtaken: null }, { conflict: null });
}

function discard(turn) {
  const { state, effects } = turn;
  Object.assign(state, { phase: "idle", write: null, next: null });
  settle(turn);
  for (const name of ["retry", "patience"]) effects.push({ cancel: name });
  effects.push({ keep: null }, { retry: false }, { login: false });
}
