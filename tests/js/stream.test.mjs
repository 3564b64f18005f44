// What a reader's page believes, asks for and shows, whatever the line does to its frames.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  FIRST_DELAY,
  LONGEST_BUSY_DELAY,
  LONGEST_DELAY,
  POLL_EVERY,
  POLL_HIDDEN,
  begin,
  shown,
  step,
} from "../../liveblog/static/liveblog/stream.js";

const MINUTE = 60_000;

function at(minute) {
  return new Date(Date.UTC(2026, 0, 1) + minute * MINUTE).toISOString();
}

function update(id, revision, more = {}) {
  return {
    type: "update",
    id,
    revision,
    action: "changed",
    content: `<p>${id} at ${revision}</p>`,
    headline: "",
    author: "",
    pinned: false,
    key_event: false,
    created: at(id),
    edited: null,
    ...more,
  };
}

const deleted = (id, revision) => update(id, revision, { action: "deleted", content: "" });

function replay(revision, updates = [], more = {}) {
  const blog = { title: "Title", description: "", state: "live" };
  return { type: "replay", revision, updates, reset: false, ...blog, ...more };
}

/** A page whose events are given by hand; keeps the effects of the last one. */
class Page {
  constructor(start = { revision: 0 }, random = () => 0.5) {
    this.state = begin(start);
    this.random = random;
    this.effects = [];
  }

  do(event) {
    const turn = step(this.state, event, this.random);
    this.state = turn.state;
    this.effects = turn.effects;
    return this;
  }

  frame(frame) {
    return this.do({ type: "frame", connection: this.state.connection, frame });
  }

  open() {
    return this.do({ type: "open", connection: this.state.connection });
  }

  close(code) {
    return this.do({ type: "close", connection: this.state.connection, code });
  }

  timer(timer) {
    return this.do({ type: "timer", timer });
  }

  polled(frame, code = 200) {
    return this.do({ type: "polled", poll: this.state.polls, code, frame });
  }

  effect(name) {
    return this.effects.find((effect) => name in effect);
  }

  scheduled(timer) {
    return this.effects.find((effect) => effect.schedule === timer)?.ms;
  }

  get ids() {
    return shown(this.state).map((row) => row.id);
  }
}

/** A page that is connected and has had its first replay. */
function live(start = { revision: 0 }, random) {
  return new Page(start, random)
    .do({ type: "start" })
    .open()
    .frame(replay(start.revision));
}

describe("merging", () => {
  test("an older revision never overwrites a newer one", () => {
    const page = live().frame(update(1, 1)).frame(update(1, 3)).frame(update(1, 2));
    assert.equal(shown(page.state)[0].revision, 3);
  });

  test("a late update does not bring a deleted one back", () => {
    const page = live().frame(update(1, 1)).frame(deleted(1, 3)).frame(update(1, 2));
    assert.deepEqual(page.ids, []);
    page.frame(update(1, 1));
    assert.deepEqual(page.ids, []);
  });

  test("a tombstone is forgotten only when nothing older can be believed any more", () => {
    const page = live().frame(deleted(1, 2));
    assert.equal(page.state.rows.size, 1);
    page.frame(update(2, 1));
    assert.deepEqual([page.state.head, page.ids], [2, [2]]);
    assert.ok(!page.state.rows.has(1));
    assert.deepEqual(page.frame(update(1, 1)).ids, [2]);
  });

  test("a double changes nothing and draws nothing", () => {
    const page = live().frame(update(1, 1)).frame(update(1, 1));
    assert.equal(page.effect("render"), undefined);
  });

  test("the pinned ones stand first, then the newest", () => {
    const page = live();
    page.frame(update(1, 1)).frame(update(2, 2)).frame(update(3, 3));
    page.frame(update(1, 4, { pinned: true }));
    assert.deepEqual(page.ids, [1, 3, 2]);
    page.frame(update(1, 5));
    assert.deepEqual(page.ids, [3, 2, 1]);
  });

  test("an older title never overwrites a newer one", () => {
    const blog = (revision, title) => ({ ...replay(revision), type: "blog", title });
    const page = live().frame(blog(2, "New"));
    assert.equal(page.effect("blog").blog.title, "New");
    assert.equal(page.frame(blog(1, "Old")).effect("blog"), undefined);
    assert.equal(page.state.head, 2);
  });

  test("a frame of a type that is not known yet is no reason to stop", () => {
    const page = live().frame({ type: "toString" }).frame({ type: "poll" }).frame(update(1, 1));
    assert.deepEqual(page.ids, [1]);
  });

  test("a step does not change the state it was given", () => {
    const before = live({ revision: 1, rows: [update(1, 1)] }).state;
    const copy = structuredClone(before);
    const event = (frame) => ({ type: "frame", connection: before.connection, frame });
    for (const frame of [update(2, 2), deleted(1, 5), replay(9, [update(3, 9)], { reset: true })]) {
      step(before, event(frame), () => 0.5);
    }
    assert.deepEqual(before, copy);
  });
});

describe("asking", () => {
  test("a jump is asked for from the last revision without a gap", () => {
    const page = live({ revision: 4 }).frame(update(9, 7));
    assert.deepEqual(page.ids, [9], "what is here is shown at once");
    assert.ok(page.scheduled("ask") >= 0);
    assert.deepEqual(page.timer("ask").effect("send"), { send: { after: 4 } });
  });

  test("a frame that was only overtaken is not asked for", () => {
    const page = live().frame(update(2, 2)).frame(update(1, 1)).timer("ask");
    assert.equal(page.effect("send"), undefined);
    assert.equal(page.state.head, 2);
  });

  test("a pulse ahead is asked for, a pulse at head is not", () => {
    const page = live({ revision: 4 }).frame({ type: "pulse", revision: 4, readers: 1 });
    assert.equal(page.timer("ask").effect("send"), undefined);
    page.frame({ type: "pulse", revision: 5, readers: 1 }).timer("ask");
    assert.deepEqual(page.effect("send"), { send: { after: 4 } });
  });

  test("only one question is open at a time", () => {
    const page = live().frame(update(9, 7)).timer("ask");
    page.frame(update(10, 8));
    assert.equal(page.scheduled("ask"), undefined);
  });

  test("a lost answer is asked for once more, then the socket is given up", () => {
    const page = live().frame(update(9, 7)).timer("ask").timer("answer");
    assert.deepEqual(page.effect("send"), { send: { after: 0 } });
    page.timer("answer");
    assert.ok(page.effect("close"));
    assert.ok(page.scheduled("retry") >= 0);
    assert.equal(page.effect("status").status, "reconnecting");
  });

  test("a connection whose replay was lost asks for it", () => {
    const page = new Page({ revision: 3 }).do({ type: "start" });
    assert.deepEqual(page.effect("connect"), { connect: 1, after: 3 });
    assert.deepEqual(page.open().timer("answer").effect("send"), { send: { after: 3 } });
  });

  test("an answer that closes no gap slows the asking down", () => {
    const page = live({ revision: 0 }, () => 0.999).frame(update(9, 7));
    const first = page.scheduled("ask");
    for (let i = 0; i < 5; i += 1) page.timer("ask").frame(replay(0));
    assert.ok(page.scheduled("ask") > 10 * first);
  });

  test("rows of a page that are newer than its revision wait for what lies between", () => {
    const page = new Page({ revision: 5, rows: [update(1, 7), update(2, 6)] });
    assert.equal(page.state.head, 7);
    const gap = new Page({ revision: 5, rows: [update(1, 7)] });
    assert.equal(gap.state.head, 5);
  });
});

describe("a reset", () => {
  test("forgets all that came before", () => {
    const page = live().frame(update(1, 1)).frame(update(2, 4)).timer("ask");
    page.frame(replay(300, [update(8, 300), update(7, 20)], { reset: true }));
    assert.deepEqual([page.ids, page.state.head], [[8, 7], 300]);
  });

  test("keeps what is newer than itself", () => {
    const page = live().frame(update(9, 301)).timer("ask");
    page.frame(replay(300, [update(8, 300)], { reset: true }));
    assert.deepEqual([page.ids, page.state.head], [[9, 8], 301]);
  });

  test("on a new connection may take the page back: the database was restored", () => {
    const page = live({ revision: 90, rows: [update(1, 80), update(2, 90)] });
    page.close(1006).timer("retry").open();
    page.frame(replay(50, [update(1, 40)], { reset: true }));
    assert.deepEqual([page.ids, page.state.head], [[1], 50]);
    page.frame(update(3, 51));
    assert.deepEqual([page.ids, page.state.head], [[3, 1], 51]);
  });

  test("a late double of one does not take the page back", () => {
    const reset = replay(300, [update(8, 300)], { reset: true });
    const page = live().frame(reset).frame(update(9, 301)).frame(reset);
    assert.deepEqual(page.ids, [9, 8]);
    page.timer("ask");
    assert.deepEqual(page.effect("send"), { send: { after: 301 } });
    page.frame(reset);
    assert.ok(page.effect("close"), "said twice, it is checked on a new socket");
  });

  test("a page of older updates says that it is outdated", () => {
    const ceiling = { created: at(5), id: 5 };
    const page = live({ revision: 9, rows: [update(4, 4)], ceiling });
    page.do({ type: "wake" }).frame(replay(900, [update(80, 900)], { reset: true }));
    assert.ok(page.effect("outdated"));
    assert.deepEqual(page.ids, [4]);
  });
});

describe("the part of the stream that a page shows", () => {
  const rows = [6, 5, 4].map((id) => update(id, id));
  const floor = { created: at(4), id: 4 };

  test("an update older than the page's last one is not put below it", () => {
    const page = live({ revision: 6, rows, floor }).frame(update(1, 7));
    assert.deepEqual(page.ids, [6, 5, 4]);
    assert.equal(page.state.rows.size, 3);
  });

  test("unless it is pinned", () => {
    const page = live({ revision: 6, rows, floor }).frame(update(1, 7, { pinned: true }));
    assert.deepEqual(page.ids, [1, 6, 5, 4]);
    assert.deepEqual(page.frame(update(1, 8)).ids, [6, 5, 4]);
  });

  test("a page of older updates follows edits and deletions, not new posts", () => {
    const ceiling = { created: at(7), id: 7 };
    const page = live({ revision: 9, rows, floor, ceiling });
    page.frame(update(20, 10)).frame(deleted(5, 11)).frame(update(4, 12, { pinned: true }));
    assert.deepEqual(page.ids, [6, 4]);
    assert.equal(shown(page.state)[1].revision, 12);
  });
});

describe("the connection", () => {
  test("every delay is drawn anew, from nothing to a bound that doubles up to its cap", () => {
    for (const share of [0, 0.5, 0.999]) {
      const page = live({ revision: 0 }, () => share);
      for (let attempt = 0; attempt < 8; attempt += 1) {
        page.close(1006);
        const bound = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
        assert.equal(page.scheduled("retry"), Math.floor(share * bound));
        page.timer("retry").open();
      }
    }
  });

  test("an open socket alone is no success: only a replay ends the doubling", () => {
    const page = live({ revision: 0 }, () => 0.999).close(1006).timer("retry").open();
    assert.ok(page.close(1006).scheduled("retry") > FIRST_DELAY);
    page.timer("retry").open().frame(replay(0));
    assert.ok(page.close(1006).scheduled("retry") < FIRST_DELAY);
  });

  for (const code of [1013, 4429]) {
    test(`after ${code} it waits longer`, () => {
      const page = live({ revision: 0 }, () => 0.999).close(code);
      assert.ok(page.scheduled("retry") > 4 * FIRST_DELAY);
    });
  }

  for (const code of [4401, 4403, 4404]) {
    test(`after ${code} it stays away`, () => {
      const page = live().close(code);
      assert.deepEqual(page.effect("status"), { status: "stopped", code });
      const events = [{ type: "wake" }, { type: "timer", timer: "retry" }, { type: "sleep" }];
      for (const event of events) {
        assert.equal(page.do(event).effect("connect"), undefined);
      }
    });
  }

  test("it comes back with the revision that it has", () => {
    const page = live({ revision: 3 }).frame(update(1, 4)).close(1012).timer("retry");
    assert.deepEqual(page.effect("connect"), { connect: 2, after: 4 });
  });

  test("it is live only once it has caught up", () => {
    const page = new Page().do({ type: "start" }).open();
    assert.equal(page.effect("status"), undefined);
    assert.deepEqual(page.frame(replay(0)).effect("status").status, "live");
  });

  test("what a socket says that was given up is not heard", () => {
    const page = live();
    page.close(1006).timer("retry");
    const late = { type: "frame", connection: 1, frame: update(1, 1) };
    assert.deepEqual(page.do(late).ids, []);
    assert.deepEqual(page.do({ type: "close", connection: 1, code: 1006 }).effects, []);
  });

  test("a handshake without an answer is given up", () => {
    const page = new Page().do({ type: "start" }).timer("answer");
    assert.ok(page.effect("close") && page.scheduled("retry") >= 0);
  });

  test("a line that dies before its first pulse is asked about as well", () => {
    const page = live();
    assert.ok(page.scheduled("silence") >= 5000);
    assert.deepEqual(page.timer("silence").effect("send"), { send: { after: 0 } });
    assert.ok(page.timer("answer").effect("close"));
  });

  test("after pulses, silence is asked about, and no answer ends the socket", () => {
    const page = live().frame({ type: "pulse", revision: 0, readers: 1 });
    assert.ok(page.scheduled("silence") >= 5000);
    assert.deepEqual(page.timer("silence").effect("send"), { send: { after: 0 } });
    assert.ok(page.timer("answer").effect("close"));
  });

  test("where only the pulse has died, the socket stays and is asked every 20 s", () => {
    const page = live().frame({ type: "pulse", revision: 0, readers: 1 }).timer("silence");
    page.frame(replay(0));
    assert.ok(page.scheduled("silence") >= 20_000);
    assert.equal(page.timer("answer").effect("close"), undefined);
  });

  test("a page that is looked at again checks at once, once", () => {
    const page = live({ revision: 2 }).do({ type: "wake" });
    assert.deepEqual(page.effect("send"), { send: { after: 2 } });
    assert.equal(page.do({ type: "wake" }).effect("send"), undefined);
    assert.ok(page.timer("answer").effect("close"));
    page.do({ type: "wake" });
    assert.deepEqual(page.effect("connect"), { connect: 2, after: 2 });
  });

  test("a page that is left hangs up, and connects when it is shown again", () => {
    const page = live({ revision: 2 }).do({ type: "sleep" });
    assert.ok(page.effect("close"));
    assert.deepEqual(page.close(1001).effects, []);
    assert.deepEqual(page.do({ type: "wake" }).effect("connect"), { connect: 2, after: 2 });
  });
});

describe("polling", () => {
  /** A page whose sockets were refused twice, and that has asked updates.json. */
  function blocked(start = { revision: 4 }, random) {
    const page = new Page(start, random).do({ type: "start" }).close(1006).timer("retry");
    return page.close(1006).timer("poll");
  }

  test("begins when two sockets in a row have brought nothing, not before", () => {
    const page = live({ revision: 4 }).close(1006);
    assert.equal(page.scheduled("poll"), undefined);
    page.timer("retry").open().close(1006); // it opens and closes before the first frame
    assert.ok(page.scheduled("poll") <= FIRST_DELAY);
    assert.ok(page.scheduled("retry") >= 0, "the socket is tried again all the same");
    assert.deepEqual(page.timer("poll").effect("poll"), { poll: 1, after: 4 });
  });

  test("merges the answer and asks again after some 3 s", () => {
    for (const share of [0, 0.5, 0.999]) {
      const page = blocked({ revision: 4 }, () => share).polled(replay(5, [update(1, 5)]));
      assert.deepEqual([page.ids, page.state.head], [[1], 5]);
      assert.equal(page.effect("status").status, "polling");
      assert.ok(Math.abs(page.scheduled("poll") - POLL_EVERY) <= POLL_EVERY / 3 + 1);
      assert.deepEqual(page.timer("poll").effect("poll"), { poll: 2, after: 5 });
    }
  });

  test("is slower while nobody looks, and asks at once when somebody does", () => {
    const page = blocked().do({ type: "hide" }).polled(replay(4));
    assert.ok(page.scheduled("poll") >= (POLL_HIDDEN * 2) / 3);
    assert.deepEqual(page.do({ type: "wake", hidden: false }).effect("poll").after, 4);
    assert.ok(page.effect("connect"), "it tries the socket as well");
  });

  test("ends with the first replay of a socket, not with its opening", () => {
    const page = blocked().polled(replay(4)).timer("retry").open().timer("poll");
    assert.ok(page.effect("poll"));
    page.frame(replay(4));
    assert.equal(page.effect("status").status, "live");
    assert.equal(page.timer("poll").effect("poll"), undefined);
    assert.deepEqual(page.polled(replay(4, [update(1, 4)], { reset: true })).effects, []);
  });

  test("an answer to an earlier poll is not believed", () => {
    const page = blocked().timer("polled").timer("poll");
    const late = { type: "polled", poll: 1, code: 200, frame: replay(9, [update(1, 9)]) };
    assert.deepEqual(page.do(late).effects, []);
    assert.equal(page.polled(replay(10, [update(1, 10)])).state.head, 10);
  });

  test("an answer that does not come is asked for again within 1 s", () => {
    const page = blocked({ revision: 4 }, () => 0.999).polled(replay(4)).timer("poll");
    assert.ok(page.timer("polled").scheduled("poll") < FIRST_DELAY);
    assert.equal(page.effect("status").status, "reconnecting");
  });

  for (const code of [0, 404, 500, 502, 503]) {
    test(`a failure with status ${code} is asked again at the usual pace`, () => {
      const page = blocked().polled(null, code);
      assert.ok(page.scheduled("poll") <= (POLL_EVERY * 4) / 3);
    });
  }

  test("too many requests: it waits much longer", () => {
    assert.ok(blocked().polled(null, 429).scheduled("poll") >= (LONGEST_BUSY_DELAY * 2) / 3);
  });

  test("a blog that no longer exists ends it", () => {
    const page = blocked().polled({ type: "error", code: "unknown_blog" }, 404);
    assert.deepEqual(page.effect("status"), { status: "stopped", code: 4404 });
    assert.equal(page.timer("poll").effect("poll"), undefined);
    assert.equal(page.timer("retry").effect("connect"), undefined);
  });

  test("a reset to before what was asked: the database was restored", () => {
    const page = blocked({ revision: 90, rows: [update(1, 80)] });
    page.polled(replay(50, [update(1, 40)], { reset: true }));
    assert.deepEqual([page.ids, page.state.head], [[1], 50]);
    assert.equal(shown(page.state)[0].revision, 40);
  });

  test("a reset that the socket's frames have overtaken takes nothing back", () => {
    const page = blocked({ revision: 1 }).timer("retry").open();
    page.frame(update(1, 2)).frame(update(2, 3)); // the group was joined before the replay
    page.polled(replay(2, [update(1, 2)], { reset: true }));
    assert.deepEqual([page.ids, page.state.head], [[2, 1], 3]);
    page.frame(replay(2, [update(1, 2)], { reset: true }));
    assert.deepEqual([page.ids, page.state.head], [[2, 1], 3]);
  });

  test("stops with the page, and goes on at once when it is shown again", () => {
    const page = blocked().polled(replay(4)).do({ type: "sleep" });
    assert.ok(page.effects.some((effect) => effect.cancel === "poll"));
    assert.ok(page.do({ type: "wake" }).effect("poll"));
  });

  test("a server that has too much to do is not asked more often", () => {
    const page = new Page().do({ type: "start" });
    for (let i = 0; i < 4; i += 1) {
      assert.equal(page.close(1013).scheduled("poll"), undefined);
      page.timer("retry");
    }
  });
});

describe("the number of readers", () => {
  const pulse = (readers) => ({ type: "pulse", revision: 0, readers });

  test("is what the last pulse said, and is drawn when it changes", () => {
    const page = live().frame(pulse(12));
    assert.deepEqual(page.effect("readers"), { readers: 12 });
    assert.equal(page.frame(pulse(12)).effect("readers"), undefined);
    assert.deepEqual(page.frame(pulse(13)).effect("readers"), { readers: 13 });
  });

  test("is not known without a connection, without a pulse, or from nonsense", () => {
    assert.deepEqual(live().frame(pulse(1)).close(1006).effect("readers"), { readers: null });
    assert.deepEqual(live().frame(pulse(1)).timer("silence").effect("readers"), { readers: null });
    assert.equal(live().frame(pulse("many")).effect("readers"), undefined);
  });
});

describe("the end of the coverage", () => {
  const ended = (revision) => ({ type: "ended", revision });
  const over = { state: "ended" };
  const blog = (revision) => ({ ...replay(revision, [], over), type: "blog" });

  test("who has all is finished: no socket, no poll, no error", () => {
    const page = live().frame(update(1, 1)).frame(blog(2)).frame(ended(2));
    assert.deepEqual(page.effect("status"), { status: "ended", code: undefined });
    assert.equal(page.effect("connect") ?? page.effect("poll"), undefined);
    assert.equal(page.scheduled("retry") ?? page.scheduled("poll"), undefined);
    assert.deepEqual(page.close(4410).effects, []);
    assert.equal(page.state.status, "ended");
  });

  test("its close code alone says the same", () => {
    const page = live().frame(blog(1)).close(4410);
    assert.equal(page.state.status, "ended");
    assert.equal(page.scheduled("retry") ?? page.scheduled("poll"), undefined);
  });

  test("who is behind fetches the rest once", () => {
    const page = live().frame(ended(3));
    assert.ok(page.scheduled("poll") < 400);
    assert.equal(page.timer("poll").effect("poll").after, 0);
    page.polled(replay(3, [update(1, 1), update(2, 2)], over));
    assert.deepEqual([page.ids, page.state.status], [[2, 1], "ended"]);
    assert.equal(page.scheduled("poll"), undefined);
    assert.ok(!page.state.polling);
  });

  test("an answer from just before the end is asked again", () => {
    const page = live().frame(ended(3)).timer("poll").polled(replay(1, [update(1, 1)]));
    // That answer says that the coverage is live; a socket tells what is true.
    assert.notEqual(page.effect("connect"), undefined);
    page.open().frame(replay(3, [update(2, 2)], over)).close(4410);
    assert.deepEqual([page.ids, page.state.status], [[2, 1], "ended"]);
  });

  test("a page that is opened after it asks once, however old it is", () => {
    const page = new Page({ revision: 5, stage: "ended" }).do({ type: "start" });
    assert.equal(page.effect("connect"), undefined);
    assert.equal(page.effect("poll").after, 5);
    page.polled(replay(6, [update(1, 6)], over));
    assert.deepEqual([page.ids, page.state.status], [[1], "ended"]);
    assert.equal(page.scheduled("poll"), undefined);
  });

  test("where nobody answers it asks again, and says nothing of it", () => {
    const page = new Page({ revision: 5, stage: "ended" }).do({ type: "start" });
    page.polled(null, 0);
    assert.ok(page.scheduled("poll") > 0);
    assert.equal(page.effect("status"), undefined);
    page.timer("poll").polled(replay(5, [], over));
    assert.equal(page.state.status, "ended");
  });

  test("where it was begun anew, a page goes live when it is looked at", () => {
    const page = live().frame(blog(1)).frame(ended(1));
    page.do({ type: "wake" });
    assert.equal(page.effect("connect"), undefined);
    page.polled(replay(3, [update(1, 3)]));
    assert.equal(page.effect("connect") && page.effects.find((e) => "connect" in e).after, 3);
    page.open().frame(replay(3));
    assert.deepEqual([page.ids, page.state.status], [[1], "live"]);
  });

  test("where it was not, one look is one question", () => {
    const page = live().frame(blog(1)).frame(ended(1)).do({ type: "wake" });
    page.polled(replay(1, [], over));
    assert.equal(page.scheduled("poll"), undefined);
    assert.equal(page.effect("connect"), undefined);
  });

  test("a page that was left in between asks only when it is shown again", () => {
    const page = live().frame(blog(1)).frame(ended(1)).do({ type: "sleep" });
    assert.equal(page.effect("connect") ?? page.effect("close"), undefined);
    assert.equal(page.do({ type: "wake" }).effect("poll").after, 1);
  });

  test("an editor's page goes on by polls", () => {
    const page = live({ revision: 0, stay: true }).frame(blog(1)).frame(ended(1));
    assert.equal(page.state.status, "ended");
    assert.ok(page.scheduled("poll") >= (POLL_EVERY * 2) / 3);
    page.timer("poll").polled(replay(2, [update(1, 2)], over));
    assert.deepEqual(page.ids, [1]);
    assert.ok(page.scheduled("poll") >= (POLL_EVERY * 2) / 3);
    page.timer("poll").polled(replay(3, []));
    assert.notEqual(page.effect("connect"), undefined);
  });

  test("a page that polls, for its sockets are blocked, ends as well", () => {
    const page = new Page({ revision: 0 }).do({ type: "start" }).close(1006).timer("retry");
    page.close(1006).timer("poll").polled(replay(2, [update(1, 1)], over));
    assert.deepEqual([page.ids, page.state.status], [[1], "ended"]);
    assert.ok(!page.state.polling);
    assert.ok(page.effects.some((effect) => effect.cancel === "retry"));
  });
});

describe("oldest first", () => {
  const rows = [update(1, 1), update(2, 2), update(3, 3)];

  test("new ones come last, pinned ones stay on top", () => {
    const page = live({ revision: 3, rows, oldestFirst: true });
    assert.deepEqual(page.ids, [1, 2, 3]);
    page.frame(update(4, 4)).frame(update(3, 5, { pinned: true }));
    assert.deepEqual(page.ids, [3, 1, 2, 4]);
  });

  test("a full first page takes no new ones, but a pinned one", () => {
    const ceiling = { created: at(3), id: 4 }; // just above the last row
    const page = live({ revision: 3, rows, ceiling, oldestFirst: true });
    assert.deepEqual(page.ids, [1, 2, 3]);
    page.frame(update(4, 4)).frame(update(5, 5, { pinned: true }));
    assert.deepEqual(page.ids, [5, 1, 2, 3]);
  });

  test("a later page begins above its edge and lifts nothing", () => {
    const floor = { created: at(1), id: 2 }; // just above the last row of the page before
    const page = live({ revision: 3, rows: rows.slice(1), floor, oldestFirst: true });
    page.frame(update(1, 4, { pinned: true })).frame(update(3, 5, { pinned: true }));
    page.frame(update(4, 6));
    assert.deepEqual(page.ids, [2, 3, 4]);
  });

  test("a reset says nothing of it: the reader is told to reload", () => {
    const page = live({ revision: 3, rows, oldestFirst: true });
    page.frame({ type: "pulse", revision: 900 }).timer("ask");
    page.frame(replay(900, [update(9, 900)], { reset: true }));
    assert.deepEqual(page.effect("outdated"), { outdated: true });
    assert.equal(page.state.head, 900);
  });
});

describe("what was believed is told to the other scripts", () => {
  test("each row once, also outside of the page's part of the stream", () => {
    const floor = { created: at(5), id: 5 };
    const page = live({ revision: 5, rows: [update(5, 5)], floor });
    const old = update(1, 6, { key_event: true });
    assert.deepEqual(page.frame(old).effect("merged").merged, [old]);
    assert.equal(page.frame(old).effect("merged"), undefined);
    assert.deepEqual(page.frame(update(1, 4)).effect("merged"), undefined);
  });
});
