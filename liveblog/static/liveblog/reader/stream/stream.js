// The reader's side of the stream: which rows to believe, when to request more, when to reconnect.
//
// Pure: `step` takes a state, an event and randomness, and returns the next state and effects.
//
// Events   {type: "start" | "sleep" | "hide"}  {type: "wake", hidden}  {type: "timer", timer}
//          {type: "open"}  {type: "frame", frame}  {type: "close", duty, code}
//          {type: "polled", poll, frame, code}: the response of updates.json; code 0 for none
//          {type: "older"}: a request; {type: "older", revision, edge, floor, rows}: the page
// Effects  {connect: {after}}  {reconnect: ms}  {close}  {send: {after}}  {poll, after}
//          {schedule, ms}  {cancel}  {render: rows}  {merged: rows, reset}  {blog}
//          {status, code}  {readers}  {outdated}
//
// `reconnect` drops the connection and fires the timer "retry" after the delay.
//
// `head` is the revision up to which all is known. A row is believed if it is newer than head and
// than the known row with its id, so duplicates, late frames and reordering change nothing.

// All in ms.
export const FIRST_DELAY = 1000; // bound of the first reconnect's delay, doubled each time
export const LONGEST_DELAY = 4000;
export const LATER_DELAY = 5000; // the same if the server asks to come back later
export const LONGEST_LATER_DELAY = 7000;
export const LASTING = 600; // a gap that lasts longer is not a frame that was only overtaken
export const ASK_SPREAD = 400; // over which few readers request what all of them missed
export const SPREAD_PER_READER = 0.8; // 1,250 requests per second: two workers answer these
export const LONGEST_SPREAD = 30_000;
const OPEN_WITHIN = 4000;
const OPEN_WITHIN_POLLING = 10_000; // polls do not wait for it
const ANSWER_WITHIN = 3000; // after the second time the connection is given up
const PROBE_WITHIN = 2000; // for a connection that may be dead
const PULSES = 2.5; // silence, in pulses: another host takes over within that
const LATE = 8000; // the most that a rare pulse may be late
const LONGEST_INTERVAL = 120; // s between two pulses
const SILENCE_SPREAD = 2000;
const QUIET = 20_000; // the same if there are no pulses

export const POLL_AFTER = 2; // connections in a row that delivered nothing
export const POLL_EVERY = 3000; // give or take a third
export const POLL_HIDDEN = 15_000; // a page that becomes visible polls at once
// after the end, doubled each time
export const POLL_ENDED = 30_000;
const POLL_WITHIN = 3000;
const SOCKET_AGAIN = 8000; // bound of a reconnect's delay while polls succeed
const SLOWEST = 2; // doublings of ANSWER_WITHIN

const NOT_FOUND = 404;
const TOO_MANY_REQUESTS = 429;

/**
 * The state of a page as the server rendered it.
 *
 * `rows` need id, revision, created (ISO 8601, UTC) and pinned. `floor` and `ceiling`,
 * {created, id}, bound the page: the oldest row on it, and the one above it; null where the stream
 * ends. `stage` is the blog's state, `pulse` the ms between two pulses. `stay` polls after the
 * coverage has ended, for editors.
 */
export function begin(page) {
  const { revision, rows = [], floor = null, ceiling = null, pageSize, pulse } = page;
  const { stage = "live", stay = false, oldestFirst = false } = page;
  const state = {
    stage,
    stay,
    oldestFirst,
    head: revision,
    target: revision, // the server's latest known revision
    seen: new Set(), // revisions above head
    rows: new Map(), // id -> row, tombstones included until head has passed them
    floor,
    ceiling,
    kept: Infinity, // head at the request for an older page; nothing is pruned since
    pageSize,
    pulse, // ms
    silence: 0, // ms
    blogRevision: revision,
    phase: "idle", // or connecting, open, waiting, ended, stopped
    attempt: 0, // reconnects since the last replay
    awaiting: false, // an answer is due
    patience: 0, // 1: ask again before the connection is given up
    asking: false, // the timer "ask" runs
    fruitless: 0, // answers in a row that did not close the gap
    crowd: 0, // readers in the last pulse
    slow: 0, // late answers since the last complete replay
    below: false, // the last pulse was below head
    suspect: false, // the server may have been restored
    fresh: false, // no replay on this connection yet
    pulsed: false, // this connection has pulses
    asked: revision, // head at the start of this connection
    polling: false,
    poll: null, // the poll whose answer is due: {number, after}
    polls: 0,
    polled: false, // the last poll was answered
    rests: 0,
    hidden: false,
    readers: null, // null: unknown
    status: "connecting",
  };
  for (const row of rows) {
    state.rows.set(row.id, row);
    note(state, row.revision);
  }
  return state;
}

/** Returns {state, effects}. */
export function step(state, event, random = Math.random) {
  const turn = { state: { ...state }, effects: [], random };
  EVENTS[event.type](turn, event);
  return { state: turn.state, effects: turn.effects };
}

/** The rows to show, in order. */
export function shown(state) {
  const lift = (row) => (row.pinned && isFirst(state) ? 1 : 0);
  const direction = state.oldestFirst ? -1 : 1;
  return [...state.rows.values()]
    .filter((row) => row.action !== "deleted" && inWindow(state, row))
    .sort((a, b) => lift(b) - lift(a) || direction * newestFirst(a, b));
}

const EVENTS = {
  start(turn) {
    if (turn.state.stage === "ended") end(turn, true);
    else connect(turn);
  },
  wake,
  hide: ({ state }) => void (state.hidden = true),
  sleep,
  open,
  close,
  frame: receive,
  polled,
  older,
  timer: (turn, { timer }) => TIMERS[timer](turn),
};

const FRAMES = { update, blog, replay, pulse, ended, error };

const TIMERS = {
  retry(turn) {
    if (turn.state.phase === "waiting") connect(turn);
  },
  answer: unanswered,
  ask(turn) {
    turn.state.asking = false;
    if (turn.state.phase === "open" && !turn.state.awaiting && behind(turn.state)) ask(turn);
  },
  silence(turn) {
    const { state } = turn;
    if (state.phase !== "open") return;
    // Dead, or without pulses: an answer shows which.
    state.pulsed = false;
    count(turn, null);
    if (!state.awaiting) probe(turn);
  },
  poll(turn) {
    const { phase, awaiting } = turn.state;
    // A replay is on its way.
    if (phase === "open" && awaiting) pollAgain(turn, POLL_EVERY);
    else if (!isResting(turn.state) || !turn.state.hidden) poll(turn);
  },
  polled: (turn) => unpolled(turn, { waited: true }),
};

// The connection

function connect(turn) {
  const { state, effects } = turn;
  state.phase = "connecting";
  state.awaiting = true;
  state.asked = state.head;
  state.silence = state.pulse * PULSES;
  effects.push({ connect: { after: state.head } });
  const ms = state.polling ? OPEN_WITHIN_POLLING : OPEN_WITHIN;
  effects.push({ schedule: "answer", ms });
}

function open(turn) {
  const { state } = turn;
  if (state.phase !== "connecting") return;
  state.phase = "open"; // a replay follows
  state.fresh = true;
  awaitAnswer(turn);
}

function close(turn, { duty, code }) {
  const { state } = turn;
  if (state.phase !== "connecting" && state.phase !== "open") return;
  if (duty === "stop") stop(turn, code);
  else if (duty === "finish") end(turn);
  else retry(turn, duty);
}

/** Reconnect with full jitter: after a random time up to a bound that doubles. */
function retry(turn, duty) {
  const { state, effects, random } = turn;
  hangUp(turn);
  const ms = Math.floor(random() * longestDelay(state, duty));
  state.attempt += 1;
  state.phase = "waiting";
  effects.push({ reconnect: ms });
  if (!state.polled) show(turn, "reconnecting");
  if (state.attempt < POLL_AFTER || duty === "later" || state.polling) return;
  state.polling = true;
  effects.push({ schedule: "poll", ms: Math.floor(random() * FIRST_DELAY) });
}

function longestDelay(state, duty) {
  const { attempt, polled } = state;
  if (duty === "later") {
    return spread(state, Math.min(LONGEST_LATER_DELAY, LATER_DELAY * 2 ** attempt));
  }
  if (polled) return SOCKET_AGAIN; // nothing is missed in the meantime
  if (!duty) return FIRST_DELAY; // given up, so it has waited already
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
}

function giveUp(turn) {
  const { state } = turn;
  if (state.phase === "open" && state.fresh) slowDown(state);
  retry(turn);
}

/** Disconnect, and poll what may be missing. If the coverage continues, connect again. */
function end(turn, unsure = false) {
  const { state, effects, random } = turn;
  hangUp(turn);
  effects.push({ close: true });
  state.phase = "ended";
  state.polling = true;
  state.rests = 0;
  if (unsure) poll(turn);
  else if (behind(state) || state.stage !== "ended") {
    effects.push({ schedule: "poll", ms: Math.floor(random() * spread(state)) });
  } else settle(turn);
}

function settle(turn) {
  show(turn, "ended");
  if (turn.state.stay) pollAgain(turn, turn.state.hidden ? POLL_HIDDEN : POLL_EVERY);
  else rest(turn);
}

/** Poll rarely, as the coverage may be reopened. */
function rest(turn) {
  pollAgain(turn, POLL_ENDED * Math.min(16, 2 ** turn.state.rests));
  turn.state.rests += 1;
}

function isResting({ phase, status, stay }) {
  return phase === "ended" && status === "ended" && !stay;
}

function stop(turn, code) {
  hangUp(turn);
  stopPolling(turn);
  turn.effects.push({ close: true });
  turn.state.phase = "stopped";
  show(turn, "stopped", code);
}

function hangUp(turn) {
  const { state, effects } = turn;
  Object.assign(state, { awaiting: false, asking: false, pulsed: false });
  for (const timer of ["answer", "ask", "silence"]) effects.push({ cancel: timer });
  count(turn, null);
}

/** The page became visible or came online. */
function wake(turn, { hidden = false }) {
  const { state, effects } = turn;
  state.hidden = hidden;
  if (state.phase === "ended") state.polling = true;
  if (!state.poll) poll(turn);
  if (state.phase === "waiting" || state.phase === "idle") {
    connect(turn);
  } else if (state.phase === "open" && !(state.awaiting && state.patience === 0)) {
    probe(turn);
  }
}

/** The page is left. Browsers do not cache pages with an open connection. */
function sleep(turn) {
  const { state, effects } = turn;
  if (state.phase === "stopped") return;
  hangUp(turn);
  state.poll = null;
  for (const timer of ["poll", "polled"]) effects.push({ cancel: timer });
  if (state.phase === "ended") return;
  effects.push({ close: true });
  state.phase = "idle";
}

// Asking

function behind(state) {
  return state.target > state.head || state.suspect;
}

/** Request the missing part, unless it arrives before. */
function askSoon(turn) {
  const { state, effects, random } = turn;
  if (state.asking || state.awaiting) return;
  state.asking = true;
  const bound = spread(state, Math.min(LONGEST_DELAY, ASK_SPREAD * 2 ** state.fruitless));
  effects.push({ schedule: "ask", ms: LASTING + Math.floor(random() * bound) });
}

function spread({ crowd }, least = ASK_SPREAD) {
  return Math.max(least, Math.min(LONGEST_SPREAD, crowd * SPREAD_PER_READER));
}

function ask(turn, patience, ms) {
  turn.effects.push({ send: { after: turn.state.head } });
  awaitAnswer(turn, patience, ms);
}

function probe(turn) {
  ask(turn, 0, PROBE_WITHIN);
}

function awaitAnswer(turn, patience, ms) {
  const { state } = turn;
  state.awaiting = true;
  // On a slow line a second request would delay the first answer.
  state.patience = patience ?? (state.slow ? 0 : 1);
  turn.effects.push({ schedule: "answer", ms: ms ?? ANSWER_WITHIN * 2 ** state.slow });
}

function unanswered(turn) {
  const { phase, awaiting, patience } = turn.state;
  if (!awaiting) return;
  if (phase === "connecting" || patience === 0) {
    giveUp(turn);
    return;
  }
  ask(turn, 0);
  slowDown(turn.state);
}

function slowDown(state) {
  state.slow = Math.min(SLOWEST, state.slow + 1);
}

// Polling

function poll(turn) {
  const { state, effects } = turn;
  if (!state.polling) return;
  state.polls += 1;
  state.poll = { number: state.polls, after: state.head };
  effects.push({ cancel: "poll" }, { poll: state.polls, after: state.head });
  effects.push({ schedule: "polled", ms: POLL_WITHIN });
}

function polled(turn, { poll: number, frame, code }) {
  const { state, effects } = turn;
  if (state.poll?.number !== number) return; // one that was given up
  if (code === NOT_FOUND && frame?.type === "error") {
    stop(turn, 4000 + code); // as the close codes are made
  } else if (frame?.type === "replay") {
    state.polled = true;
    adopt(turn, frame, state.poll.after);
    state.suspect = false;
    if (frame.head > state.head) return void poll(turn);
    const ended = state.stage === "ended" && !behind(state);
    if (ended && state.phase !== "ended") end(turn);
    else if (ended) settle(turn);
    else if (state.phase === "ended" && state.stage !== "ended") {
      stopPolling(turn);
      connect(turn);
    } else {
      show(turn, "polling");
      pollAgain(turn, state.hidden ? POLL_HIDDEN : POLL_EVERY);
    }
  } else {
    unpolled(turn, { busy: code === TOO_MANY_REQUESTS });
  }
}

function unpolled(turn, { waited = false, busy = false }) {
  const { state } = turn;
  if (!state.poll) return;
  state.polled = false;
  if (state.phase !== "ended") show(turn, "reconnecting");
  if (isResting(state)) rest(turn);
  else if (waited) pollAgain(turn, 0, FIRST_DELAY);
  else pollAgain(turn, busy ? LONGEST_LATER_DELAY : POLL_EVERY);
}

function pollAgain({ state, effects, random }, ms, spread = (ms * 2) / 3) {
  state.poll = null;
  effects.push({ cancel: "polled" });
  effects.push({ schedule: "poll", ms: Math.floor((ms * 2) / 3 + random() * spread) });
}

function stopPolling({ state, effects }) {
  if (!state.polling) return;
  Object.assign(state, { polling: false, poll: null, polled: false });
  effects.push({ cancel: "poll" }, { cancel: "polled" });
}

// Frames

function receive(turn, { frame }) {
  const { state } = turn;
  if (state.phase !== "open" || !Object.hasOwn(FRAMES, frame.type)) return;
  FRAMES[frame.type](turn, frame);
  if (state.phase !== "open") return;
  if (state.pulsed) listen(turn);
  if (behind(state)) askSoon(turn);
}

function update(turn, frame) {
  const { state } = turn;
  state.rows = new Map(state.rows);
  state.seen = new Set(state.seen);
  const changed = merge(state, frame);
  note(state, frame.revision);
  prune(state);
  if (changed) turn.effects.push({ render: shown(state) }, { merged: [frame] });
}

function blog(turn, frame) {
  turn.state.seen = new Set(turn.state.seen);
  showBlog(turn, frame);
  note(turn.state, frame.revision);
}

function ended(turn, frame) {
  turn.state.target = Math.max(turn.state.target, frame.revision);
  end(turn);
}

function pulse(turn, { revision, readers, interval }) {
  const { state } = turn;
  if (interval > 0) {
    const ms = Math.min(interval, LONGEST_INTERVAL) * 1000;
    state.silence = Math.min(ms * PULSES, ms + LATE);
  }
  const below = revision < state.head; // once: it was late; twice: the server was restored
  Object.assign(state, { pulsed: true, suspect: below && state.below, below });
  state.target = Math.max(state.target, revision);
  if (Number.isInteger(readers)) state.crowd = readers;
  count(turn, Number.isInteger(readers) ? readers : null);
}

/** Rate limited: no answers for `wait` seconds. */
function error(turn, { wait }) {
  if (wait && turn.state.awaiting) awaitAnswer(turn, 1, 1000 * wait * (1 + turn.random()));
}

function replay(turn, frame) {
  const { state, effects } = turn;
  if (frame.reset && frame.revision < state.head && !state.fresh) {
    // Late, or restored? A new connection tells.
    if (state.suspect) giveUp(turn);
    else state.suspect = true;
    return;
  }
  if (frame.head && frame.revision <= state.head && !state.fresh) return; // a duplicate
  if (!state.pulsed) listen(turn, state.fresh ? state.silence : Math.max(QUIET, state.silence));
  effects.push({ cancel: "answer" });
  Object.assign(state, { awaiting: false, attempt: 0, suspect: false, fresh: false });
  stopPolling(turn);
  adopt(turn, frame, state.asked);
  if (frame.head > state.head) ask(turn);
  else {
    state.slow = 0;
    show(turn, "live");
  }
}

/** Merge the answer to a request made with head at `asked`. */
function adopt(turn, frame, asked) {
  const { state, effects } = turn;
  state.rows = new Map(state.rows);
  state.seen = new Set(state.seen);
  // A reset to before `asked`: the database was restored. One to before head: it was overtaken.
  const restored = frame.revision < asked;
  if (frame.reset && (restored || frame.revision >= state.head)) forget(turn, frame, restored);
  const merged = frame.updates.filter((row) => merge(state, row));
  state.head = Math.max(state.head, frame.revision);
  for (const row of frame.updates) note(state, row.revision);
  note(state, frame.revision);
  if (frame.head > state.target) state.target = frame.head; // a part
  showBlog(turn, frame);
  prune(state);
  state.fruitless = behind(state) ? state.fruitless + 1 : 0;
  effects.push({ render: shown(state) }, { merged, reset: frame.reset });
}

function forget(turn, frame, restored) {
  const { state } = turn;
  // Rows newer than the backup no longer exist.
  if (restored) Object.assign(state, { head: 0, seen: new Set(), target: 0, blogRevision: -1 });
  if (state.ceiling || state.oldestFirst) {
    turn.effects.push({ outdated: true }); // the frame holds the newest page, not this one
    state.head = Math.max(state.head, frame.revision);
    return;
  }
  if (restored) {
    state.rows = new Map();
  } else {
    for (const [id, row] of state.rows) if (row.revision <= frame.revision) state.rows.delete(id);
  }
  const { pageSize } = state;
  const unpinned = frame.updates.filter((row) => !row.pinned).sort(newestFirst).slice(0, pageSize);
  state.floor = (frame.updates.length >= pageSize && unpinned.at(-1)) || null;
  // Believe all rows of a reset.
  state.head = Math.min(...frame.updates.map((row) => row.revision), frame.revision + 1) - 1;
}

function listen(turn, silence = turn.state.silence) {
  const ms = silence + Math.floor(turn.random() * spread(turn.state, SILENCE_SPREAD));
  turn.effects.push({ schedule: "silence", ms });
}

// Rows

function merge(state, row) {
  const known = state.rows.get(row.id);
  if (row.revision <= state.head || (known && known.revision >= row.revision)) return false;
  state.rows.set(row.id, row);
  return true;
}

/** Advance head up to the first gap. */
function note(state, revision) {
  state.target = Math.max(state.target, revision);
  if (revision > state.head) state.seen.add(revision);
  while (state.seen.has(state.head + 1)) state.head += 1;
  for (const old of state.seen) if (old <= state.head) state.seen.delete(old);
}

/** Add an older page, unless it is from before the request. */
function older({ state, effects }, { revision, edge, floor, rows }) {
  if (!rows) return void (state.kept = state.head);
  if (revision >= state.kept && edge?.id === state.floor?.id) {
    state.rows = new Map(state.rows);
    for (const row of rows) {
      if (!(state.rows.get(row.id)?.revision >= row.revision)) state.rows.set(row.id, row);
    }
    [state.floor, state.kept] = [floor, Infinity];
    prune(state);
  }
  effects.push({ render: shown(state) });
}

function prune(state) {
  if (state.kept < Infinity) return;
  for (const [id, row] of state.rows) {
    const idle = row.action === "deleted" || !inWindow(state, row);
    if (idle && row.revision <= state.head) state.rows.delete(id);
  }
}

function inWindow(state, row) {
  const { floor, ceiling } = state;
  const below = !ceiling || newestFirst(row, ceiling) > 0;
  const inside = below && (!floor || newestFirst(row, floor) <= 0);
  return inside || (row.pinned && isFirst(state));
}

/** Whether this is the first page: pinned rows are on top. */
function isFirst({ oldestFirst, floor, ceiling }) {
  return !(oldestFirst ? floor : ceiling);
}

function newestFirst(a, b) {
  if (a.created !== b.created) return a.created < b.created ? 1 : -1;
  return b.id - a.id;
}

// The blog

function showBlog({ state, effects }, blog) {
  if (blog.revision <= state.blogRevision) return;
  state.blogRevision = blog.revision;
  state.stage = blog.state;
  effects.push({ blog });
}

function show({ state, effects }, status, code) {
  if (state.status === status) return;
  state.status = status;
  effects.push({ status, code });
}

function count({ state, effects }, readers) {
  if (state.readers === readers) return;
  state.readers = readers;
  effects.push({ readers });
}
