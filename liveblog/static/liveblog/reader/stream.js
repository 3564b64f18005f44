// The reader's side of the stream: what to believe, when to ask, when to come back.
//
// Pure: `step` takes a state, an event and a source of randomness, and returns the next state and
// a list of effects. No DOM, no socket, no clock.
//
// Events   {type: "start" | "sleep" | "hide"}  {type: "wake", hidden}  {type: "timer", timer}
//          {type: "open" | "frame" | "close", connection, frame, code}
//          {type: "polled", poll, frame, code}: an answer of updates.json, or code 0 for none
// Effects  {connect, after}  {close}  {send: {after}}  {poll, after}  {schedule, ms}  {cancel}
//          {render: rows}  {merged: rows, reset}  {blog}  {status, code}  {readers}  {outdated}
//
// `head` is the revision up to which all is known. A row is believed when it is newer than head
// and than what is known of its id, so doubles, late frames and reordering change nothing.
//
// A page is whole again within 5 s after a fault has ended: what was sent in vain is given up after
// 4 s and sent again within 1 s, or refused and sent within 4 s; within 10 s where it was too busy.

// All in ms.
export const FIRST_DELAY = 1000; // the bound of the first reconnect's delay, doubled each time
export const LONGEST_DELAY = 4000;
export const BUSY_DELAY = 5000; // the same after BUSY_CODES
export const LONGEST_BUSY_DELAY = 7000;
export const LASTING = 600; // a gap that lasts so long is no frame that was only overtaken
export const ASK_SPREAD = 400; // over which few readers ask for what all of them miss
export const SPREAD_PER_READER = 0.8; // 1,250 questions a second, which two workers answer
export const LONGEST_SPREAD = 30_000;
const OPEN_WITHIN = 4000;
const OPEN_WITHIN_POLLING = 10_000; // polls do not wait for it
const ANSWER_WITHIN = 3000; // waited for twice, then the socket is given up
const PROBE_WITHIN = 2000; // for a socket that may be dead
const SILENCE = 5000; // a pulse comes every 2 s; another host takes over within 5 s
const SILENCE_SPREAD = 2000;
const QUIET = 20_000; // the same where nobody pulses

export const POLL_AFTER = 2; // sockets in a row that brought nothing
export const POLL_EVERY = 3000; // give or take a third
export const POLL_HIDDEN = 15_000; // nobody looks, and the first look asks at once
const POLL_WITHIN = 3000;
const SOCKET_AGAIN = 8000; // the bound of a reconnect's delay while polls are answered
const SLOWEST = 2; // doublings of ANSWER_WITHIN

const FINAL_CODES = new Set([4401, 4403, 4404]); // do not come back
const BUSY_CODES = new Set([1013, 4429]); // come back later
const TOO_MANY_REQUESTS = 429; // the same for polls
const NOT_FOUND = 404;
const NO_SUCH_BLOG = 4404;
const COVERAGE_ENDED = 4410;

/**
 * The state of a page as the server rendered it.
 *
 * `rows` need id, revision, created (ISO 8601, UTC) and pinned. `floor` and `ceiling` are
 * {created, id}: the oldest place of the page where older rows follow on another, and the place
 * below which it lies where newer ones do. `stage` is the blog's state; `stay` polls after its
 * end, for editors, who may still correct it or begin anew.
 */
export function begin(page) {
  const { revision, rows = [], floor = null, ceiling = null, pageSize = 50 } = page;
  const { stage = "live", stay = false, oldestFirst = false } = page;
  const state = {
    stage,
    stay,
    oldestFirst,
    head: revision,
    target: revision, // the greatest revision that the server is known to have reached
    seen: new Set(), // revisions above head that have arrived
    rows: new Map(), // id -> row; tombstones too, until head has passed them
    floor,
    ceiling,
    pageSize,
    blogRevision: revision,
    phase: "idle", // or connecting, open, waiting, ended, stopped
    connection: 0,
    attempt: 0, // reconnects since the last replay
    awaiting: false, // an answer is due
    patience: 0, // 1: ask again before the socket is given up
    asking: false, // the timer "ask" runs
    fruitless: 0, // answers in a row that did not close the gap
    crowd: 0, // readers, by the last pulse
    slow: 0, // answers that were late since the last whole replay
    below: false, // the last pulse was below head
    suspect: false, // the server seems to be behind us
    fresh: false, // no replay came yet on this connection
    pulsed: false, // pulses come on this connection
    asked: revision, // head when this connection was asked for
    polling: false, // updates.json is asked again and again
    poll: null, // the poll whose answer is due: {number, after}
    polls: 0,
    polled: false, // the last poll was answered
    hidden: false, // nobody looks
    readers: null, // null where their number is not known
    status: "connecting",
  };
  for (const row of rows) {
    state.rows.set(row.id, row);
    note(state, row.revision);
  }
  return state;
}

/** The next state and the effects. `random` returns a number from 0 to below 1. */
export function step(state, event, random = Math.random) {
  if ("connection" in event && event.connection !== state.connection) {
    return { state, effects: [] }; // a socket that was given up
  }
  const turn = { state: { ...state }, effects: [], random };
  EVENTS[event.type](turn, event);
  return { state: turn.state, effects: turn.effects };
}

/** The rows to show, in order: the pinned, then the newest, or the oldest. */
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
  timer: fire,
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
    // Half open, or nobody pulses: an answer tells.
    state.pulsed = false;
    count(turn, null);
    if (!state.awaiting) probe(turn);
  },
  poll(turn) {
    const { phase, awaiting } = turn.state;
    // A replay on its way is not fetched twice.
    if (phase === "open" && awaiting) pollAgain(turn, POLL_EVERY);
    else poll(turn);
  },
  polled: (turn) => unpolled(turn, { waited: true }),
};

// The connection

function connect(turn) {
  const { state, effects } = turn;
  state.connection += 1;
  state.phase = "connecting";
  state.awaiting = true;
  state.asked = state.head;
  effects.push({ connect: state.connection, after: state.head });
  const ms = state.polling ? OPEN_WITHIN_POLLING : OPEN_WITHIN;
  effects.push({ schedule: "answer", ms });
}

function open(turn) {
  const { state } = turn;
  if (state.phase !== "connecting") return;
  state.phase = "open"; // the replay that every connect brings is due now
  state.fresh = true;
  awaitAnswer(turn);
}

function close(turn, { code }) {
  const { state } = turn;
  if (state.phase !== "connecting" && state.phase !== "open") return;
  if (FINAL_CODES.has(code)) stop(turn, code);
  else if (code === COVERAGE_ENDED) end(turn);
  else retry(turn, code);
}

/** Come back with full jitter: after any time up to a bound that doubles. */
function retry(turn, code) {
  const { state, effects, random } = turn;
  hangUp(turn);
  const busy = BUSY_CODES.has(code);
  const ms = Math.floor(random() * longestDelay(state, code, busy));
  state.attempt += 1;
  state.phase = "waiting";
  effects.push({ schedule: "retry", ms });
  if (!state.polled) show(turn, "reconnecting");
  if (state.attempt < POLL_AFTER || busy || state.polling) return;
  state.polling = true;
  effects.push({ schedule: "poll", ms: Math.floor(random() * FIRST_DELAY) });
}

function longestDelay(state, code, busy) {
  const { attempt, polled } = state;
  if (busy) return spread(state, Math.min(LONGEST_BUSY_DELAY, BUSY_DELAY * 2 ** attempt));
  if (polled) return SOCKET_AGAIN; // nothing is missed meanwhile
  if (code === undefined) return FIRST_DELAY; // it has waited already
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
}

function giveUp(turn) {
  const { state } = turn;
  if (state.phase === "open" && state.fresh) slowDown(state);
  turn.effects.push({ close: state.connection });
  retry(turn);
}

/**
 * No socket any more. What is or may be missing is polled until there is an answer. One that says
 * otherwise opens a socket again.
 */
function end(turn, unsure = false) {
  const { state, effects, random } = turn;
  hangUp(turn);
  effects.push({ cancel: "retry" });
  state.phase = "ended";
  state.polling = true;
  if (unsure) poll(turn);
  else if (behind(state) || state.stage !== "ended") {
    effects.push({ schedule: "poll", ms: Math.floor(random() * spread(state)) });
  } else settle(turn);
}

function settle(turn) {
  show(turn, "ended");
  if (turn.state.stay) pollAgain(turn, turn.state.hidden ? POLL_HIDDEN : POLL_EVERY);
  else stopPolling(turn);
}

function stop(turn, code) {
  hangUp(turn);
  stopPolling(turn);
  turn.effects.push({ cancel: "retry" });
  turn.state.phase = "stopped";
  show(turn, "stopped", code);
}

function hangUp(turn) {
  const { state, effects } = turn;
  Object.assign(state, { awaiting: false, asking: false, pulsed: false });
  for (const timer of ["answer", "ask", "silence"]) effects.push({ cancel: timer });
  count(turn, null);
}

/** The machine woke up, came online or is looked at: check at once. */
function wake(turn, { hidden = false }) {
  const { state, effects } = turn;
  state.hidden = hidden;
  if (state.phase === "ended") state.polling = true;
  if (!state.poll) poll(turn);
  if (state.phase === "waiting" || state.phase === "idle") {
    effects.push({ cancel: "retry" });
    connect(turn);
  } else if (state.phase === "open" && !(state.awaiting && state.patience === 0)) {
    probe(turn);
  }
}

/** The page is left: browsers keep none that holds a socket. */
function sleep(turn) {
  const { state, effects } = turn;
  if (state.phase === "stopped") return;
  hangUp(turn);
  state.poll = null;
  for (const timer of ["retry", "poll", "polled"]) effects.push({ cancel: timer });
  if (state.phase === "ended") return;
  effects.push({ close: state.connection });
  state.phase = "idle";
}

function fire(turn, { timer }) {
  TIMERS[timer](turn);
}

// Asking

function behind(state) {
  return state.target > state.head || state.suspect;
}

/** Ask soon, unless the missing part comes by itself or an answer is due. */
function askSoon(turn) {
  const { state, effects, random } = turn;
  if (state.asking || state.awaiting) return;
  state.asking = true;
  const bound = spread(state, Math.min(LONGEST_DELAY, ASK_SPREAD * 2 ** state.fruitless));
  effects.push({ schedule: "ask", ms: LASTING + Math.floor(random() * bound) });
}

/** The ms over which all readers spread what they do for one reason. */
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
  // Asked again, a slow line would carry two answers.
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

// Polling, where sockets are blocked

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
    effects.push({ close: state.connection });
    stop(turn, NO_SUCH_BLOG);
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

/** No answer. After a timeout it is sent again soon. */
function unpolled(turn, { waited = false, busy = false }) {
  const { state } = turn;
  if (!state.poll) return;
  state.polled = false;
  if (state.phase !== "ended") show(turn, "reconnecting");
  if (waited) pollAgain(turn, 0, FIRST_DELAY);
  else pollAgain(turn, busy ? LONGEST_BUSY_DELAY : POLL_EVERY);
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
  // There may be types from later versions.
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

/** The server closes the socket next. */
function ended(turn, frame) {
  turn.state.target = Math.max(turn.state.target, frame.revision);
  turn.effects.push({ close: turn.state.connection });
  end(turn);
}

function pulse(turn, { revision, readers }) {
  const { state } = turn;
  const below = revision < state.head; // once: it was late; twice: the server is behind us
  Object.assign(state, { pulsed: true, suspect: below && state.below, below });
  state.target = Math.max(state.target, revision);
  if (Number.isInteger(readers)) state.crowd = readers;
  count(turn, Number.isInteger(readers) ? readers : null);
}

/** Too much was asked for: nothing is answered for `wait` seconds. */
function error(turn, { wait }) {
  if (wait && turn.state.awaiting) awaitAnswer(turn, 1, 1000 * wait * (1 + turn.random()));
}

function replay(turn, frame) {
  const { state, effects } = turn;
  if (frame.reset && frame.revision < state.head && !state.fresh) {
    // Late, or restored? On a new socket nothing is late.
    if (state.suspect) giveUp(turn);
    else state.suspect = true;
    return;
  }
  if (frame.head && frame.revision <= state.head && !state.fresh) return; // asked for twice
  if (!state.pulsed) listen(turn, state.fresh ? SILENCE : QUIET);
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

/** Merge an answer to a question that was asked with head at `asked`. */
function adopt(turn, frame, asked) {
  const { state, effects } = turn;
  state.rows = new Map(state.rows);
  state.seen = new Set(state.seen);
  // A reset to before the question: the database was restored. One to before head was overtaken.
  const restored = frame.revision < asked;
  if (frame.reset && (restored || frame.revision >= state.head)) forget(turn, frame, restored);
  const merged = frame.updates.filter((row) => merge(state, row));
  state.head = Math.max(state.head, frame.revision);
  for (const row of frame.updates) note(state, row.revision);
  note(state, frame.revision);
  if (frame.head > state.target) state.target = frame.head; // it is a part
  showBlog(turn, frame);
  prune(state);
  state.fruitless = behind(state) ? state.fruitless + 1 : 0;
  effects.push({ render: shown(state) }, { merged, reset: frame.reset });
}

/** Start anew with the newest page. */
function forget(turn, frame, restored) {
  const { state } = turn;
  // What came after the backup no longer exists.
  if (restored) Object.assign(state, { head: 0, seen: new Set(), target: 0, blogRevision: -1 });
  if (state.ceiling || state.oldestFirst) {
    turn.effects.push({ outdated: true }); // the newest page says nothing about an older one
    state.head = Math.max(state.head, frame.revision);
    return;
  }
  if (restored) {
    state.rows = new Map();
  } else {
    for (const [id, row] of state.rows) if (row.revision <= frame.revision) state.rows.delete(id);
  }
  const unpinned = frame.updates.filter((row) => !row.pinned).sort(newestFirst);
  state.floor = frame.updates.length < state.pageSize ? null : place(unpinned.at(-1));
  // All rows of a reset are believed.
  state.head = Math.min(...frame.updates.map((row) => row.revision), frame.revision + 1) - 1;
}

function listen(turn, silence = SILENCE) {
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

/** Move head on as far as no change is missing. */
function note(state, revision) {
  state.target = Math.max(state.target, revision);
  if (revision > state.head) state.seen.add(revision);
  while (state.seen.has(state.head + 1)) state.head += 1;
  for (const old of state.seen) if (old <= state.head) state.seen.delete(old);
}

/** Drop what is neither shown nor needed. */
function prune(state) {
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

/** Whether the stream begins on this page: there the pinned ones are lifted. */
function isFirst({ oldestFirst, floor, ceiling }) {
  return !(oldestFirst ? floor : ceiling);
}

/** ISO 8601 in UTC with a fixed number of digits sorts as text. */
function newestFirst(a, b) {
  if (a.created !== b.created) return a.created < b.created ? 1 : -1;
  return b.id - a.id;
}

function place(row) {
  return row ? { created: row.created, id: row.id } : null;
}

// What the page says about itself

function showBlog({ state, effects }, { revision, title, description, state: stage, chat }) {
  if (revision <= state.blogRevision) return;
  state.blogRevision = revision;
  state.stage = stage;
  effects.push({ blog: { title, description, state: stage, chat } });
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
