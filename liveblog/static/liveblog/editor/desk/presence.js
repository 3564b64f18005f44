// The presence of other editors of a blog.
//
// Pure: `step` takes a state, an event and the time in ms, and returns the next state and a list of
// effects. The server keeps no list: every page announces itself periodically, and drops pages
// that have been silent.
//
// Events   {type: "frame", frame}   from consumers/desk.py
//          {type: "open", update}   null, "new" or the id of the update in the form
//          {type: "typed"}  {type: "tick"}  {type: "lost"}   lost: the connection was closed
// Effects  {send}  {show: true}  {draft: {id, gone}}

export const EVERY = 10_000; // ms between two announcements without changes
export const SILENT = 25_000; // ms; tolerates two lost announcements
export const IDLE = 20_000; // ms after the last key; a short pause still counts as typing

export function begin(update = null) {
  return { page: null, user: null, others: new Map(), update, typing: false, typed: 0, said: 0 };
}

export function step(state, event, now) {
  const turn = { state: { ...state, others: new Map(state.others) }, effects: [], now };
  EVENTS[event.type](turn, event);
  return { state: turn.state, effects: turn.effects };
}

const EVENTS = {
  frame(turn, { frame }) {
    if (Object.hasOwn(FRAMES, frame.type)) FRAMES[frame.type](turn, frame);
  },
  open(turn, { update }) {
    if (update === turn.state.update) return;
    Object.assign(turn.state, { update, typing: false });
    say(turn);
  },
  typed(turn) {
    turn.state.typed = turn.now;
    if (turn.state.typing) return;
    turn.state.typing = true;
    say(turn);
  },
  tick(turn) {
    const { state, now } = turn;
    const paused = state.typing && now - state.typed >= IDLE;
    if (paused) state.typing = false;
    if (paused || now - state.said >= EVERY) say(turn);
    for (const [page, { heard }] of state.others) if (now - heard >= SILENT) leave(turn, page);
  },
  lost(turn) {
    turn.state.others.clear();
    turn.effects.push({ show: true });
  },
};

const FRAMES = {
  welcome({ state, effects }, { page, user }) {
    Object.assign(state, { page, user, others: new Map() });
    effects.push({ show: true });
  },
  ask: say,
  here(turn, { page, user, name, update, typing }) {
    const { state, effects, now } = turn;
    if (page === state.page) return;
    state.others.set(page, { user, name, update, typing, heard: now });
    effects.push({ show: true });
    // Browsers throttle the timers of hidden pages, but deliver frames.
    if (now - state.said >= EVERY) say(turn);
  },
  gone: (turn, { page }) => leave(turn, page),
  draft: ({ effects }, { id, gone }) => void effects.push({ draft: { id, gone } }),
};

function say({ state, effects, now }) {
  state.said = now;
  effects.push({ send: { update: state.update, typing: state.typing } });
}

function leave({ state, effects }, page) {
  if (state.others.delete(page)) effects.push({ show: true });
}

/**
 * The others, each person once, with their most active page: {name, mine, update, typing}. `mine`:
 * the user of this page, in another tab.
 */
export function people(state) {
  return unique(state, [...state.others.values()]);
}

/** The people who have this update open. */
export function at(state, id) {
  return unique(state, [...state.others.values()].filter(({ update }) => update === id));
}

/** The ids of updates that somebody else has open. */
export function busy(state) {
  return new Set([...state.others.values()].map(({ update }) => update).filter(Number.isInteger));
}

function unique(state, pages) {
  const found = new Map();
  for (const { user, name, update, typing } of pages) {
    const person = { name, mine: user === state.user, update, typing };
    const known = found.get(user);
    if (!known || activity(person) > activity(known)) found.set(user, person);
  }
  return [...found.values()].sort((a, b) => a.mine - b.mine || (a.name < b.name ? -1 : 1));
}

function activity({ update, typing }) {
  return (typing ? 2 : 0) + (Number.isInteger(update) ? 1 : 0);
}
