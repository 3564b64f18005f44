// A long replay on a slow line: 200 updates, 215 kB, at 256 kbit/s.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Clock, TimedPage } from "./clock.mjs";
import { closed } from "../../bench/pages/close-codes.mjs";
import { at, replay } from "./page.mjs";
import { generator } from "./world.mjs";

const BYTES_PER_MS = 32; // 256 kbit/s
const ROUND_TRIP = 200; // ms
const ROWS = 200;
const ROW = 1075; // bytes
const PART = 30; // rows, liveblog.frames.PART
const POLL_SHARE = 0.25; // of the bytes, as HTTP is compressed

/** A page that has missed everything, its server, and the line between them. */
class SlowPage extends TimedPage {
  constructor(seed, { parts, reset = false, cutEvery = Infinity }) {
    super(new Clock(), { revision: 0 }, generator(seed));
    Object.assign(this, { parts, reset, cutEvery, up: 0, free: 0, sent: 0, polling: 0 });
    this.dispatch({ type: "start" });
  }

  /** Send a frame behind what the line still has to carry; what nobody wants any more is dropped. */
  carry(bytes, isWanted, deliver) {
    this.free = Math.max(this.free, this.clock.now);
    const begins = this.free;
    this.free += bytes / BYTES_PER_MS;
    this.clock.after(begins - this.clock.now, () => {
      if (isWanted()) this.sent += bytes;
      else this.free = Math.max(this.clock.now, this.free - bytes / BYTES_PER_MS);
    });
    this.clock.after(this.free - this.clock.now + ROUND_TRIP / 2, () => isWanted() && deliver());
  }

  connect(connection, after) {
    this.up = connection;
    this.clock.after(ROUND_TRIP, () => {
      if (this.up !== connection) return;
      this.dispatch({ type: "open", connection });
      this.answer(after);
    });
    this.clock.after(this.cutEvery, () => {
      if (this.up !== connection) return;
      this.up = 0;
      this.dispatch({ ...closed(1006), connection });
    });
  }

  hangUp() {
    this.up = 0;
  }

  send(after) {
    const connection = this.up;
    this.clock.after(ROUND_TRIP / 2, () => this.up === connection && this.answer(after));
  }

  answer(after) {
    const connection = this.up;
    const frame = this.replay(after);
    const isWanted = () => this.up === connection;
    this.carry(frame.updates.length * ROW + 300, isWanted, () =>
      this.dispatch({ type: "frame", connection, frame }),
    );
  }

  poll(number, after) {
    this.polling = number;
    const frame = this.replay(after);
    const isWanted = () => this.polling === number;
    this.clock.after(ROUND_TRIP, () =>
      this.carry((frame.updates.length * ROW + 300) * POLL_SHARE, isWanted, () =>
        this.dispatch({ type: "polled", poll: number, code: 200, frame }),
      ),
    );
  }

  replay(after) {
    const last = this.parts && !this.reset ? Math.min(ROWS, after + PART) : ROWS;
    const updates = [];
    for (let id = after + 1; id <= last; id += 1) {
      updates.push({ id, revision: id, action: "created", pinned: false, created: at(id) });
    }
    return replay(last, updates, { reset: this.reset, ...(last < ROWS && { head: ROWS }) });
  }
}

const whole = ROWS * ROW;

/** Run until the page is live; the seconds that took, and the bytes by the replay's. */
function arrival(page) {
  while (page.state.status !== "live" && page.clock.now < 300_000) {
    page.clock.run(page.clock.now + 100);
  }
  return { seconds: page.clock.now / 1000, share: page.sent / whole, status: page.state.status };
}

describe("row 36: a long replay on a slow line", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    test(`arrives in parts, once, by one socket and without a poll (seed ${seed})`, () => {
      const page = new SlowPage(seed, { parts: true });
      const { seconds, share } = arrival(page);
      assert.ok(seconds < 10, `${seconds} s`);
      assert.ok(share < 1.1, `${share} times its bytes`);
      assert.deepEqual([page.connection, page.state.polls], [1, 0]);
      assert.equal(page.state.rows.size, ROWS);
    });

    test(`arrives also whole, where a client does not ask for parts (seed ${seed})`, () => {
      const { seconds, share, status } = arrival(new SlowPage(seed, { parts: false }));
      assert.equal(status, "live");
      assert.ok(seconds < 60 && share < 5, `${seconds} s, ${share} times its bytes`);
    });

    test(`a reset, which comes whole, arrives (seed ${seed})`, () => {
      const { seconds, status } = arrival(new SlowPage(seed, { parts: true, reset: true }));
      assert.equal(status, "live");
      assert.ok(seconds < 60, `${seconds} s`);
    });
  }

  test("what has arrived before a line breaks need not come again", () => {
    const page = new SlowPage(1, { parts: true, cutEvery: 3000 });
    const { seconds, status } = arrival(page);
    assert.equal(status, "live");
    assert.ok(seconds < 30, `${seconds} s`);
  });
});
