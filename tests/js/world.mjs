// A server, a line that loses, doubles and reorders, and a reader: all of it in one seeded world.

import { begin, shown, step } from "../../liveblog/static/liveblog/reader/stream/stream.js";
import { closed } from "../../bench/pages/close-codes.mjs";

export const LONGEST_REPLAY = 12; // small ones, so that resets and older rows come up often
export const PAGE = 6;

/** Numbers from 0 to below 1, the same for the same seed (the mulberry32 generator). */
export function generator(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function newestFirst(a, b) {
  return a.created === b.created ? b.id - a.id : a.created < b.created ? 1 : -1;
}

/** The database, and the answers that are made from it. */
export class Server {
  constructor(random) {
    this.random = random;
    this.revision = 0;
    this.title = "0";
    this.state = "live";
    this.rows = new Map();
    this.part = Infinity; // rows in a part of a replay
  }

  /** One change, and the frame that is broadcast for it. */
  change() {
    this.revision += 1;
    const revision = this.revision;
    const there = [...this.rows.values()].filter((row) => row.action !== "deleted");
    const row = there[Math.floor(this.random() * there.length)];
    const dice = this.random();
    if (dice < 0.05) {
      this.title = String(revision);
      return { ...this.blog(), type: "blog" };
    }
    if (!row || dice < 0.5) return this.put({ id: this.rows.size + 1, revision });
    if (dice < 0.65) return this.put({ ...row, revision, action: "deleted", pinned: false });
    if (dice < 0.75) return this.put({ ...row, revision, action: "changed", pinned: !row.pinned });
    return this.put({ ...row, revision, action: "changed" });
  }

  put({ id, revision, action = "created", pinned = false, created }) {
    // Three rows share a moment: their ids must decide.
    const moment = created ?? new Date(Math.floor(id / 3) * 1000).toISOString();
    const row = { type: "update", id, revision, action, pinned, created: moment };
    this.rows.set(id, row);
    return row;
  }

  blog() {
    return { revision: this.revision, title: this.title, description: "", state: this.state };
  }

  visible() {
    return [...this.rows.values()].filter((row) => row.action !== "deleted").sort(newestFirst);
  }

  page() {
    const visible = this.visible();
    const newest = visible.slice(0, PAGE);
    return newest.concat(visible.slice(PAGE).filter((row) => row.pinned));
  }

  replay(after) {
    const missed = [...this.rows.values()].filter((row) => row.revision > after);
    const reset = missed.length > LONGEST_REPLAY || after > this.revision;
    const frame = { ...this.blog(), type: "replay", updates: reset ? this.page() : missed, reset };
    if (reset || missed.length <= this.part) return frame;
    const updates = missed.sort((a, b) => a.revision - b.revision).slice(0, this.part);
    return { ...frame, updates, revision: updates.at(-1).revision, head: this.revision };
  }

  /** The newest changes are gone, as after a restore from a backup. */
  restore(revision) {
    for (const [id, row] of this.rows) if (row.revision > revision) this.rows.delete(id);
    this.revision = revision;
  }
}

/** A reader's page on a bad line, with a clock of its own. `check` is called after every step. */
export class World {
  constructor(seed, check = () => {}) {
    this.random = generator(seed);
    this.server = new Server(this.random);
    if (seed % 2) this.server.part = 3;
    for (let i = 0; i < this.random() * 30; i += 1) this.server.change();
    this.check = check;
    this.now = 0;
    this.due = []; // {when, event}
    this.timers = new Map();
    this.connection = 0; // the last one's number
    this.up = 0; // the connection that the server holds, 0 for none
    this.bad = true; // the line loses, doubles and delays
    this.blocked = false; // no socket opens
    this.cut = null; // "void": nothing is answered, "refused": all is refused at once
    this.pulsing = false; // a pulse comes every 2 s
    this.title = this.server.title;
    const last = this.server.visible()[PAGE - 1];
    this.state = begin({
      revision: this.server.revision,
      rows: this.server.page(),
      floor: this.server.visible().length > PAGE ? { created: last.created, id: last.id } : null,
      pageSize: PAGE,
      pulse: 2000,
    });
    this.dispatch({ type: "start" });
  }

  dispatch(event) {
    // A connection that was replaced.
    if ("connection" in event && event.connection !== this.connection) return;
    const { state, effects } = step(this.state, event, this.random);
    this.state = state;
    for (const effect of effects) this.perform(effect);
    this.check(this, event);
  }

  perform(effect) {
    if ("connect" in effect) {
      this.timers.delete("retry");
      this.connect((this.connection += 1), effect.connect.after);
    } else if ("reconnect" in effect) {
      this.up = 0;
      this.timers.set("retry", this.now + effect.reconnect);
    } else if ("close" in effect) {
      this.up = 0;
      this.timers.delete("retry");
    } else if ("send" in effect) this.answer(effect.send.after);
    else if ("poll" in effect) this.poll(effect.poll, effect.after);
    else if ("schedule" in effect) this.timers.set(effect.schedule, this.now + effect.ms);
    else if ("cancel" in effect) this.timers.delete(effect.cancel);
    else if ("blog" in effect) this.title = effect.blog.title;
  }

  connect(connection, after) {
    this.up = 0;
    const dice = this.bad ? this.random() : 1;
    if (this.cut === "void" || dice < 0.15) return;
    if (this.cut || this.blocked || dice < 0.3) {
      this.later(50, { ...closed(1006), connection });
      return;
    }
    this.up = connection;
    this.later(20, { type: "open", connection });
    this.deliver(this.server.replay(after), 20);
    if (this.server.state === "ended") this.hangUp(4410, 20 + (this.bad ? 3000 : 10));
  }

  answer(after) {
    if (this.bad && this.random() < 0.2) return; // the question is lost
    this.deliver(this.server.replay(after));
  }

  deliver(frame, delay = 0) {
    if (!this.up || this.cut) return;
    const event = { type: "frame", connection: this.up, frame };
    const copies = !this.bad ? 1 : this.random() < 0.25 ? 0 : this.random() < 0.2 ? 2 : 1;
    for (let i = 0; i < copies; i += 1) {
      this.later(delay + (this.bad ? this.random() * 3000 : 10), event);
    }
  }

  /** updates.json is asked; the answer may come never, twice, or after that of a later poll. */
  poll(number, after) {
    const dice = this.bad ? this.random() : 1;
    if (this.cut === "void" || dice < 0.2) return;
    const event = { type: "polled", poll: number, code: 200, frame: this.server.replay(after) };
    if (this.cut || dice < 0.3) this.later(30, { ...event, code: 0, frame: null });
    else if (dice < 0.4) this.later(30, { ...event, code: 503, frame: null });
    else this.later(this.bad ? this.random() * 5000 : 10, event);
    if (dice < 0.6) this.later(this.random() * 9000, event);
  }

  later(ms, event) {
    this.due.push({ when: this.now + ms, event });
  }

  /** Let time pass, event by event. */
  run(ms) {
    const end = this.now + ms;
    for (;;) {
      const timer = [...this.timers].sort((a, b) => a[1] - b[1])[0];
      this.due.sort((a, b) => a.when - b.when); // stable: what was sent first comes first
      const next = Math.min(timer ? timer[1] : Infinity, this.due[0]?.when ?? Infinity);
      const pulse = this.pulsing ? 2000 * (Math.floor(this.now / 2000) + 1) : Infinity;
      if (Math.min(next, pulse) > end) break;
      this.now = Math.max(this.now, Math.min(next, pulse));
      if (pulse < next && this.server.state === "ended") {
        this.deliver({ type: "ended", revision: this.server.revision });
        this.hangUp(4410, this.bad ? 3000 : 10);
      } else if (pulse < next) {
        this.deliver({ type: "pulse", revision: this.server.revision, readers: 1 });
      } else if (timer && timer[1] === next) {
        this.timers.delete(timer[0]);
        this.dispatch({ type: "timer", timer: timer[0] });
      } else {
        this.dispatch(this.due.shift().event);
      }
    }
    this.now = end;
  }

  /** Something happens: mostly a change, sometimes a cut line, a pulse or a look at the page. */
  happen() {
    const dice = this.random();
    if (dice < 0.6) this.deliver(this.server.change());
    else if (dice < 0.64) for (let i = 0; i < 20; i += 1) this.server.change(); // all lost
    else if (dice < 0.78) this.deliver({ type: "pulse", revision: this.server.revision });
    else if (dice < 0.84) this.dispatch({ type: "wake", hidden: this.random() < 0.3 });
    else if (dice < 0.86) this.dispatch({ type: "sleep" });
    else if (dice < 0.88) this.dispatch({ type: "hide" });
    else if (dice < 0.92) this.up = 0; // half open
    else {
      if (dice > 0.97) this.blocked = !this.blocked;
      this.hangUp();
    }
  }

  /** The coverage ends: a change, what is broadcast for it, and the end of all sockets. */
  end() {
    this.server.state = "ended";
    this.server.revision += 1;
    this.deliver({ ...this.server.blog(), type: "blog" });
    this.deliver({ type: "ended", revision: this.server.revision });
    this.hangUp(4410, this.bad ? 3000 : 10);
  }

  /** The server, or something between, ends the socket. */
  hangUp(code = 1006, delay = 0) {
    if (this.up) this.later(delay, { ...closed(code), connection: this.up });
    this.up = 0;
  }

  /** The rows that this page must show, by the server's own account. */
  expected() {
    const { floor } = this.state;
    const window = this.server
      .visible()
      .filter((row) => row.pinned || !floor || newestFirst(row, floor) <= 0);
    return window.sort((a, b) => b.pinned - a.pinned || newestFirst(a, b));
  }

  shown() {
    return shown(this.state);
  }
}
