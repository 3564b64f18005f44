// Many readers in one process: each is stream.js, the script of the reader's page, on a real
// WebSocket and with real timers. Commands come as JSON lines on standard input, and each is
// answered by one JSON line that carries the command's number.

import { createInterface } from "node:readline";

import { Reader as Page } from "../../../bench/pages/reader.mjs";
import { shown } from "../../../liveblog/static/liveblog/reader/stream/stream.js";

const EXAMPLES = 3; // of readers that differ, in an answer
const readers = [];
const counters = {
  deliveries: 0, // update frames
  replays: 0,
  resets: 0,
  pulses: 0,
  connects: 0,
  reconnects: 0,
  polls: 0,
  refusals: 0, // error frames
  closes: {}, // code -> number
  lastStale: null, // what the last of these was
  stale: 0, // an older revision was shown over a newer, or a deleted row again
  backwards: 0, // head went back
};

/** What reader.js reads from the page. */
function parsePage(html) {
  const section = html.match(/<section class="stream"[^>]*>/)[0];
  const data = (name) => section.match(new RegExp(`data-${name}="([^"]*)"`))?.[1];
  const articles = html.matchAll(
    /<article class="update"[^>]*data-id="(\d+)" data-revision="(\d+)" data-created="([^"]+)"([^>]*)>/g,
  );
  const rows = [...articles].map(([, id, revision, created, rest]) => ({
    id: Number(id),
    revision: Number(revision),
    created,
    pinned: rest.includes("data-pinned"),
  }));
  const floor = data("floor-id");
  return {
    socket: data("socket"),
    updates: data("updates"),
    title: html.match(/data-blog="title">([^<]*)</)[1],
    begin: {
      revision: Number(data("revision")),
      rows,
      floor: floor ? { id: Number(floor), created: data("floor-created") } : null,
      pageSize: Number(data("page-size")),
      pulse: Number(data("pulse")),
    },
  };
}

class Reader extends Page {
  constructor(number, lane, port, page) {
    super(port, page);
    Object.assign(this, { number, lane, title: page.title });
    this.late = null; // events that wait while the machine sleeps
    this.newest = new Map(); // id -> the newest revision that was shown
    this.visible = new Map();
    this.gone = new Set(); // ids that were deleted
    this.look(shown(this.state));
    this.dispatch({ type: "start" });
  }

  dispatch(event) {
    if (this.late) {
      this.late.push(event);
      return;
    }
    const { head } = this.state;
    super.dispatch(event);
    if (this.state.head < head) counters.backwards += 1;
  }

  show(effect) {
    if ("render" in effect) this.look(effect.render);
    else if ("blog" in effect) this.title = effect.blog.title;
  }

  connect(connection, after) {
    counters.connects += 1;
    if (connection > 1) counters.reconnects += 1;
    super.connect(connection, after);
    if (this.slow) this.socket.pause();
  }

  receive(socket, frame) {
    if (frame.type === "update") counters.deliveries += 1;
    else if (frame.type === "replay") counters.replays += 1;
    else if (frame.type === "pulse") counters.pulses += 1;
    else if (frame.type === "error") counters.refusals += 1;
    if (frame.reset) counters.resets += 1;
    super.receive(socket, frame);
  }

  closed(code) {
    counters.closes[code] = (counters.closes[code] ?? 0) + 1;
  }

  polled() {
    counters.polls += 1;
  }

  /** What a person would see: no row may go back to an older state, no deleted one come again. */
  look(rows) {
    const before = this.visible;
    this.visible = new Map(rows.map((row) => [row.id, row]));
    for (const [id, row] of before) {
      // Below the page's lower edge it is only out of sight; a reset may move that either way.
      if (!this.visible.has(id) && inWindow(this.state, row)) this.gone.add(id);
    }
    for (const { id, revision } of rows) {
      const known = this.newest.get(id) ?? -1;
      if (revision < known || (revision === known && this.gone.has(id))) {
        counters.stale += 1;
        counters.lastStale = `${this.name} shows row ${id} at ${revision}, had it at ${known}`;
        if (this.gone.delete(id)) counters.lastStale += `, then not: ${JSON.stringify(this.state.floor)}`;
      }
      this.newest.set(id, Math.max(revision, known));
    }
  }

  /** How it differs from what the database says, or null. */
  difference({ revision, title, rows }) {
    const { state } = this;
    const expected = rows.filter((row) => inWindow(state, row));
    const mine = shown(state);
    if (state.head !== revision) return `head ${state.head}, not ${revision}`;
    if (this.title !== title) return `title ${this.title}, not ${title}`;
    if (mine.length !== expected.length) return `${mine.length} rows, not ${expected.length}`;
    for (const [i, row] of mine.entries()) {
      const { id, revision: newest, content } = expected[i];
      if (row.id !== id || row.revision !== newest) {
        return `row ${i} is ${row.id} at ${row.revision}, not ${id} at ${newest}`;
      }
      if ("content" in row && row.content !== content) return `content of ${id}: ${row.content}`;
    }
    return null;
  }

  get name() {
    return `reader ${this.number} (${this.lane})`;
  }

  get condition() {
    const { phase, status, awaiting, pulsed, polling, target } = this.state;
    return JSON.stringify({ phase, status, awaiting, pulsed, polling, target });
  }

  summary() {
    const { state, number, lane } = this;
    const { head, target, status, phase, readers: count, polling } = state;
    const rows = shown(state).map((row) => [row.id, row.revision]);
    return { reader: number, lane, head, target, status, phase, polling, readers: count, rows };
  }
}

function inWindow({ floor }, row) {
  if (!floor || row.pinned) return true;
  return row.created === floor.created ? row.id >= floor.id : row.created > floor.created;
}

const of = (lane) => readers.filter((reader) => !lane || reader.lane === lane);

const COMMANDS = {
  /** Open `count` pages of a lane, as the page that is fetched now or as the one in `html`. */
  async start({ lane, port, path, count, html }) {
    const text = html ?? (await (await fetch(`http://127.0.0.1:${port}${path}`)).text());
    const page = parsePage(text);
    for (let i = 0; i < count; i += 1) {
      readers.push(new Reader(readers.length, lane, port, page));
      if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { html: text };
  },
  stop({ lane }) {
    for (const reader of of(lane)) {
      reader.stop();
      readers.splice(readers.indexOf(reader), 1);
    }
  },
  /** Read nothing more; the machine itself is well. */
  slow({ lane, on }) {
    for (const reader of of(lane)) {
      reader.slow = on;
      if (on) reader.socket?.pause();
      else reader.socket?.resume();
    }
  },
  sleep({ lane }) {
    for (const reader of of(lane)) {
      reader.late = [];
      reader.socket?.pause();
    }
  },
  wake({ lane }) {
    for (const reader of of(lane)) {
      const events = reader.late ?? [];
      reader.late = null;
      reader.socket?.resume();
      for (const event of events) reader.dispatch(event);
      reader.dispatch({ type: "wake", hidden: false });
    }
  },
  compare({ expected }) {
    const different = [];
    for (const reader of readers) {
      const reason = reader.difference(expected);
      if (reason) different.push(`${reader.name}: ${reason}; ${reader.condition}`);
    }
    return { different: different.slice(0, EXAMPLES), count: different.length, of: readers.length };
  },
  counters: () => counters,
  states: ({ lane }) => of(lane).map((reader) => reader.summary()),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, number, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { number, result: (await COMMANDS[command](options)) ?? null };
  } catch (error) {
    answer = { number, error: String(error.stack) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
