// Thousands of pages that all miss the same thing, at workers who do so many questions a second.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Clock, TimedPage } from "./clock.mjs";
import { closed } from "../../bench/pages/close-codes.mjs";
import { replay } from "./page.mjs";
import { generator } from "./world.mjs";

const RATE = 1500; // questions and handshakes that two workers answer in a second
const CAPACITY = 2000; // messages that wait for workers; one more closes its socket with 1013
const PULSE = 2000; // ms
const LINE = 30; // ms, each way

/** The server of one blog: its readers, its workers, its pulse. */
class Site {
  constructor(readers, seed = 1) {
    this.clock = new Clock();
    this.random = generator(seed);
    this.revision = 10;
    this.free = 0; // when a worker has done what waits now
    this.waiting = 0;
    this.counts = { questions: 0, closed: 0, givenUp: 0 };
    this.pages = Array.from({ length: readers }, () => new CrowdPage(this));
    for (const [i, page] of this.pages.entries()) {
      this.clock.after((1000 / RATE) * i, () => page.dispatch({ type: "start" }));
    }
    this.clock.run((1000 / RATE) * readers);
    this.pulsing = true;
    this.pulse();
    this.clock.run(this.clock.now + PULSE); // they know by the pulse how many they are
    assert.ok(this.pages.every(({ state }) => state.status === "live"));
    Object.assign(this.counts, { questions: 0, closed: 0, givenUp: 0 });
    // A pulse has just gone out when it happens: the next one is as far away as it can be.
    this.clock.run(Math.ceil(this.clock.now / PULSE) * PULSE);
    this.start = this.clock.now;
  }

  pulse() {
    if (this.pulsing) this.broadcast(this.pulseFrame(this.revision));
    this.clock.after(PULSE, () => this.pulse());
  }

  pulseFrame(revision) {
    return { type: "pulse", revision, readers: this.pages.length };
  }

  broadcast(frame) {
    for (const page of this.pages) page.receive(frame);
  }

  /** A worker answers when those before have been answered. */
  work(answer) {
    this.free = Math.max(this.free, this.clock.now) + 1000 / RATE;
    this.waiting += 1;
    this.clock.after(this.free - this.clock.now, () => {
      this.waiting -= 1;
      answer();
    });
  }

  /** Seconds from the start until every page knows the revision. */
  secondsUntilAllHave(revision, limit = 120) {
    for (let ms = 0; ms < limit * 1000; ms += 50) {
      if (this.pages.every(({ state }) => state.head >= revision)) return ms / 1000;
      this.clock.run(this.start + ms);
    }
    throw new Error("not all of them came to know it");
  }
}

class CrowdPage extends TimedPage {
  constructor(site) {
    super(site.clock, { revision: site.revision }, site.random);
    Object.assign(this, { site, up: 0 });
  }

  connect(connection, after) {
    this.up = connection;
    this.site.work(() => {
      if (this.up !== connection) return;
      this.dispatch({ type: "open", connection });
      this.answer(after);
    });
  }

  hangUp() {
    this.up = 0;
    this.site.counts.givenUp += 1;
  }

  send(after) {
    const { site, up } = this;
    site.counts.questions += 1;
    if (site.waiting < CAPACITY) {
      site.work(() => this.up === up && this.answer(after));
    } else {
      this.up = 0;
      site.counts.closed += 1;
      site.clock.after(LINE, () => this.dispatch({ ...closed(1013), connection: up }));
    }
  }

  poll() {}

  answer(after) {
    const { revision } = this.site;
    this.receive(replay(revision, [], { reset: after > revision }));
  }

  receive(frame) {
    const connection = this.up;
    if (!connection) return;
    const late = LINE + this.random() * LINE;
    this.site.clock.after(late, () => this.dispatch({ type: "frame", connection, frame }));
  }
}

describe("row 35: what thousands of pages miss together", () => {
  test("a pulse that was late makes nobody ask", () => {
    const site = new Site(5000);
    site.broadcast(site.pulseFrame(site.revision - 1));
    site.clock.run(site.start + 5000);
    assert.deepEqual(site.counts, { questions: 0, closed: 0, givenUp: 0 });
  });

  test("an update that comes a little later than its pulse is asked for by nobody", () => {
    const site = new Site(1000);
    site.revision += 1;
    site.broadcast(site.pulseFrame(site.revision));
    site.clock.after(300, () => site.broadcast({ ...replay(site.revision), type: "blog" }));
    site.clock.run(site.start + 5000);
    assert.deepEqual(site.counts, { questions: 0, closed: 0, givenUp: 0 });
  });

  test("a lost broadcast closes no socket of 2,000, and all have it within 5 s", () => {
    const site = new Site(2000);
    site.revision += 1;
    const seconds = site.secondsUntilAllHave(site.revision);
    assert.ok(seconds <= 5, `${seconds} s`);
    assert.deepEqual(site.counts, { questions: 2000, closed: 0, givenUp: 0 });
  });

  test("nor one of 5,000, all of whom have it within 8 s", () => {
    const site = new Site(5000);
    site.revision += 1;
    const seconds = site.secondsUntilAllHave(site.revision);
    assert.ok(seconds <= 8, `${seconds} s`);
    assert.deepEqual(site.counts, { questions: 5000, closed: 0, givenUp: 0 });
  });

  test("a gap before the next update is asked for as gently", () => {
    const site = new Site(5000);
    site.revision += 2; // the broadcast of the first was lost
    site.broadcast({ ...replay(site.revision), type: "blog" });
    const seconds = site.secondsUntilAllHave(site.revision);
    assert.ok(seconds <= 6, `${seconds} s`);
    assert.deepEqual(site.counts, { questions: 5000, closed: 0, givenUp: 0 });
  });

  test("where the pulse dies, every socket is asked about and none is given up", () => {
    const site = new Site(5000);
    site.pulsing = false; // right after one
    site.clock.run(site.start + 20_000);
    assert.deepEqual(site.counts, { questions: 5000, closed: 0, givenUp: 0 });
  });

  test("a restored database is noticed at the second pulse, and closes nothing for long", () => {
    const site = new Site(1000);
    site.revision -= 5;
    site.clock.run(site.start + 20_000);
    const heads = new Set(site.pages.map(({ state }) => state.head));
    assert.deepEqual([...heads], [site.revision]);
    assert.equal(site.counts.closed, 0);
    const { questions } = site.counts;
    site.clock.run(site.start + 40_000);
    assert.equal(site.counts.questions, questions, "and then it is quiet");
  });
});
