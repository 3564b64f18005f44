// Which lines of a chat a page shows: none is lost over a reconnect, and none is shown twice.
// A pure state machine; chat.js joins it with the document and the socket.

export const MOST_LINES = 500; // older ones are removed

const POSITION = /^([0-9a-f]{12})-([0-9]{1,15})$/;

/**
 * `after` is the id of the newest line, "0" without one; its parts are `epoch` and `offset`.
 * `deletions` have arrived since: each takes an offset and does not tell which. `waiting` has the
 * frames that arrive before the history that was asked for, else it is null. `known` are the ids of
 * lines that were shown or deleted.
 */
export function begin() {
  return { after: "0", epoch: "", offset: 0, deletions: 0, waiting: null, known: [] };
}

/**
 * Handle an event: "connect" (a connection that asks for the history after `after`), "frame", or
 * "timeout" (the history did not come). Returns the new state and effects: {add: line},
 * {remove: id}, {gap: true} where lines may be missing, and {ask: id} to ask for the history.
 */
export function step(state, event) {
  const turn = { state: { ...state }, effects: [] };
  if (event.type === "connect") turn.state.waiting = [];
  else if (event.type === "timeout") {
    if (turn.state.after !== "0") turn.effects.push({ gap: true });
    release(turn);
  } else if (event.frame.type === "history") takeHistory(turn, event.frame);
  else if (isLine(event.frame) || event.frame.type === "delete") take(turn, event.frame);
  return turn;
}

const isLine = (frame) => typeof frame.message === "string" && frame.type === undefined;

function takeHistory(turn, { recovered, position, frames }) {
  const { after } = turn.state;
  const isComplete = recovered || after === "0" || frames.some(({ id }) => id === after);
  if (!isComplete) turn.effects.push({ gap: true });
  for (const frame of frames) show(turn, frame);
  moveTo(turn, position ?? "0");
  release(turn);
}

/** Take the frames that have waited. */
function release(turn) {
  const frames = turn.state.waiting ?? [];
  turn.state.waiting = null;
  for (const frame of frames) {
    show(turn, frame);
    count(turn, frame);
  }
}

function take(turn, frame) {
  const { state } = turn;
  if (state.waiting) {
    state.waiting = [...state.waiting, frame];
  } else if (isLine(frame) && misses(state, frame)) {
    state.waiting = [frame];
    turn.effects.push({ ask: state.after });
  } else {
    show(turn, frame);
    count(turn, frame);
  }
}

/** Whether lines before this one have not arrived. */
function misses({ epoch, offset, deletions, after }, line) {
  const found = POSITION.exec(line.id);
  if (!found || after === "0") return false;
  return found[1] !== epoch || Number(found[2]) > offset + deletions + 1;
}

function count(turn, frame) {
  if (isLine(frame)) moveTo(turn, frame.id);
  else turn.state.deletions += 1;
}

/** Go to a position, unless it is behind the state's. "0" stands before the first line. */
function moveTo({ state }, id) {
  const found = POSITION.exec(id);
  const [epoch, offset] = found ? [found[1], Number(found[2])] : ["", 0];
  if ((!found && id !== "0") || (epoch === state.epoch && offset <= state.offset)) return;
  Object.assign(state, { after: id, epoch, offset, deletions: 0 });
}

function show({ state, effects }, frame) {
  if (isLine(frame)) {
    if (state.known.includes(frame.id)) return;
    state.known = [...state.known, frame.id].slice(-2 * MOST_LINES);
    effects.push({ add: frame });
  } else if (frame.type === "delete") {
    effects.push({ remove: frame.id });
  }
}
