// The server is away, refuses, was restored from a backup, or has had enough of a page's questions.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { LONGEST_LATER_DELAY, shown } from "../../liveblog/static/liveblog/reader/stream/stream.js";
import { Clock, TimedPage } from "./clock.mjs";
import { closed } from "../../bench/pages/close-codes.mjs";
import { Page, at, live, replay, update } from "./page.mjs";
import { Server, generator } from "./world.mjs";

const key = (rows) => rows.map(({ id, revision }) => `${id}@${revision}`);
const PULSE = 2000; // ms
const RECOVERED_WITHIN = 10_000; // ms

/** A page and a site whose Redis can be away: pulses stop, sockets are closed, all is refused. */
class Reader extends TimedPage {
  constructor(seed, more = {}) {
    const random = generator(seed);
    const server = new Server(random);
    for (let i = 0; i < 20; i += 1) server.change();
    const rows = more.rows ?? server.page();
    super(new Clock(), { revision: server.revision, rows, pageSize: 6, ...more }, random);
    Object.assign(this, { server, up: 0, away: null, questions: 0, outdated: 0 });
    this.dispatch({ type: "start" });
    this.pulse();
    this.clock.run(5000);
    assert.equal(this.state.status, "live");
  }

  perform(effect) {
    if ("outdated" in effect) this.outdated += 1;
    super.perform(effect);
  }

  pulse() {
    if (!this.away) this.receive({ type: "pulse", revision: this.server.revision, readers: 1 });
    this.clock.after(PULSE, () => this.pulse());
  }

  receive(frame) {
    const connection = this.up;
    if (connection) this.clock.after(20, () => this.dispatch({ type: "frame", connection, frame }));
  }

  connect(connection, after) {
    const { away } = this;
    if (away) {
      // A handshake that is answered 503 is a 1006 to the page; one that is not is given up.
      const code = { refuses: 1006, busy: 1013 }[away];
      if (code) this.clock.after(20, () => this.dispatch({ ...closed(code), connection }));
      return;
    }
    this.up = connection;
    this.clock.after(20, () => this.dispatch({ type: "open", connection }));
    this.receive(this.server.replay(after));
  }

  hangUp() {
    this.up = 0;
  }

  send(after) {
    this.questions += 1;
    if (!this.away) this.receive(this.server.replay(after));
    else if (this.away !== "silent") this.close(1013); // the question could not be passed on
  }

  close(code) {
    const connection = this.up;
    this.up = 0;
    if (connection) this.clock.after(20, () => this.dispatch({ ...closed(code), connection }));
  }

  poll(poll, after) {
    if (this.away === "silent") return;
    const frame = this.away ? null : this.server.replay(after);
    const code = this.away ? 503 : 200;
    this.clock.after(20, () => this.dispatch({ type: "polled", poll, code, frame }));
  }

  run(ms) {
    this.clock.run(this.clock.now + ms);
  }
}

describe("the site is away for 60 s", () => {
  const OUTAGES = {
    "its Redis is away: sockets stay open, whatever is new is refused": ["refuses", false],
    "all is refused with 503": ["refuses", true],
    "it is overloaded: 1013": ["busy", true],
    "nothing is answered": ["silent", false],
  };
  for (const [what, [away, closes]] of Object.entries(OUTAGES)) {
    test(`${what}: the page keeps its text, says so, and is equal within 10 s`, () => {
      const recoveries = [];
      for (let seed = 1; seed <= 300; seed += 1) {
        const page = new Reader(seed);
        const before = key(shown(page.state));
        page.away = away;
        if (closes) page.close(away === "busy" ? 1013 : 1006);
        page.run(20_000);
        assert.equal(page.state.status, "reconnecting");
        page.run(40_000 + 1000 * page.random());
        assert.equal(page.state.status, "reconnecting");
        assert.deepEqual(key(shown(page.state)), before, "the text stays");
        for (let i = 0; i < 3; i += 1) page.server.change();
        page.away = null;
        const back = page.clock.now;
        const isBack = ({ head, status }) =>
          head === page.server.revision && status !== "reconnecting";
        while (!isBack(page.state)) page.run(50);
        recoveries.push(page.clock.now - back);
        // Polls may have brought it; a socket follows.
        page.run(15_000);
        assert.equal(page.state.status, "live");
        assert.equal(page.state.head, page.server.revision);
      }
      recoveries.sort((a, b) => a - b);
      assert.ok(recoveries.at(-1) <= RECOVERED_WITHIN, `${recoveries.at(-1)} ms`);
      // Full jitter: they do not come back together.
      const [early, late] = [0.1, 0.9].map((share) => recoveries[share * recoveries.length]);
      assert.ok(late - early > 1000, `${early} to ${late} ms`);
      if (process.env.SHOW) console.log(what, { early, late, last: recoveries.at(-1) });
    });
  }

  test("no delay is longer than 7 s, however often the server was too busy", () => {
    const page = live({ revision: 0 }, () => 0.999);
    for (let i = 0; i < 20; i += 1) {
      assert.ok(page.close(1013).scheduled("retry") <= LONGEST_LATER_DELAY);
      page.timer("retry");
    }
  });
});

describe("row 48: a database restored from a backup", () => {
  const rows = (ids) => ids.map((id) => update(id, id));
  const PAGES = {
    "the newest page": {},
    "an older page": { rows: rows([4, 3]), ceiling: { created: at(5), id: 5 } },
    "the oldest first": { oldestFirst: true },
    "a later page of the oldest first": { oldestFirst: true, floor: { created: at(1), id: 2 } },
  };
  for (const [what, more] of Object.entries(PAGES)) {
    for (const polls of [false, true]) {
      const how = polls ? "that polls" : "on a socket";
      test(`${what}, ${how}, settles: one reset, then it is quiet`, () => {
        for (let seed = 1; seed <= 50; seed += 1) {
          const page = new Reader(seed, more);
          if (polls) {
            page.connect = (connection) =>
              page.clock.after(20, () => page.dispatch({ ...closed(1006), connection }));
            page.close(1006);
            page.run(10_000);
          }
          page.server.restore(page.server.revision - 10);
          page.run(20_000);
          assert.equal(page.state.head, page.server.revision);
          assert.equal(page.outdated, what === "the newest page" ? 0 : 1);
          const { connection } = page;
          const { questions } = page;
          page.run(120_000);
          assert.equal(page.questions, questions);
          if (!polls) assert.equal(page.connection, connection);
          assert.equal(page.state.status, polls ? "polling" : "live");
          // It goes on: a change is believed although its revision was there before.
          const { id } = page.server.change();
          page.run(20_000);
          assert.equal(page.state.head, page.server.revision);
          assert.equal(page.outdated, what === "the newest page" ? 0 : 1);
          if (id && what === "the newest page") {
            const isThere = page.server.rows.get(id).action !== "deleted";
            const shownNow = key(shown(page.state));
            assert.equal(shownNow.includes(`${id}@${page.server.revision}`), isThere);
          }
        }
      });
    }
  }
});

describe("a page that was sent too much", () => {
  const refusal = { type: "error", code: "too_many_replays", message: "Later.", wait: 30 };

  test("asks again when the server says so, on the same socket", () => {
    const page = live({ revision: 4 }).frame(update(9, 7)).timer("ask").frame(refusal);
    assert.ok(page.scheduled("answer") >= 30_000 && page.scheduled("answer") <= 60_000);
    assert.equal(page.effect("reconnect"), undefined);
    assert.deepEqual(page.timer("answer").effect("send"), { send: { after: 4 } });
    page.frame(replay(7, [update(8, 6)]));
    assert.equal(page.state.head, 7);
  });

  test("also where that was the answer to its handshake", () => {
    const page = new Page({ revision: 4 }).do({ type: "start" }).open().frame(refusal);
    assert.deepEqual(page.timer("answer").effect("send"), { send: { after: 4 } });
    assert.equal(page.frame(replay(4)).effect("status").status, "live");
  });

  test("other errors change nothing", () => {
    const page = live({ revision: 4 }).frame({ type: "error", code: "bad_message" });
    assert.deepEqual(page.effects, []);
  });
});

describe("parts of a replay", () => {
  test("each counts, and is followed by the question for the next", () => {
    const page = new Page({ revision: 0 }).do({ type: "start" }).open();
    page.frame(replay(2, [update(1, 1), update(2, 2)], { head: 3 }));
    assert.deepEqual(page.effect("send"), { send: { after: 2 } });
    assert.equal(page.effect("status"), undefined, "it is live with the last one");
    page.frame(replay(3, [update(3, 3)]));
    assert.equal(page.effect("send"), undefined);
    assert.equal(page.effect("status").status, "live");
    assert.deepEqual(page.ids, [3, 2, 1]);
  });

  test("of a poll as well", () => {
    const page = new Page({ revision: 0 }).do({ type: "start" }).close(1006).timer("retry");
    page.close(1006).timer("poll").polled(replay(2, [update(1, 1), update(2, 2)], { head: 3 }));
    assert.deepEqual(page.effect("poll"), { poll: 2, after: 2 });
    page.polled(replay(3, [update(3, 3)]));
    assert.equal(page.effect("poll"), undefined);
    assert.deepEqual(page.ids, [3, 2, 1]);
  });

  test("of a coverage that has ended: the rest is fetched without a socket", () => {
    const page = new Page({ revision: 0 }).do({ type: "start" }).open();
    page.frame(replay(1, [update(1, 1)], { head: 2, state: "ended" })).close(4410);
    assert.deepEqual(page.timer("poll").effect("poll").after, 1);
    page.polled(replay(2, [update(2, 2)], { state: "ended" }));
    assert.deepEqual([page.ids, page.state.status], [[2, 1], "ended"]);
  });
});
