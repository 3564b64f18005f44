// What a reader's page believes, asks for and shows, whatever the line does to its frames.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { FIRST_DELAY, LONGEST_DELAY, shown, step } from "../../liveblog/static/liveblog/reader/stream/stream.js";
import { Page, at, deleted, live, replay, update } from "./page.mjs";

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
    const event = (frame) => ({ type: "frame", frame });
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
    assert.ok(page.scheduled("retry") >= 0);
    assert.equal(page.effect("status").status, "reconnecting");
  });

  test("a connection whose replay was lost asks for it", () => {
    const page = new Page({ revision: 3 }).do({ type: "start" });
    assert.deepEqual(page.effect("connect"), { connect: { after: 3 } });
    assert.deepEqual(page.open().timer("answer").effect("send"), { send: { after: 3 } });
  });

  test("an answer that closes no gap slows the asking down", () => {
    const page = live({ revision: 0 }, () => 0.999).frame(update(9, 7));
    const first = page.scheduled("ask");
    for (let i = 0; i < 5; i += 1) page.timer("ask").frame(replay(0));
    assert.ok(page.scheduled("ask") > 4 * first);
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
    assert.ok(page.effect("reconnect"), "said twice, it is checked on a new socket");
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
    assert.deepEqual(page.effect("connect"), { connect: { after: 4 } });
  });

  test("it is live only once it has caught up", () => {
    const page = new Page().do({ type: "start" }).open();
    assert.equal(page.effect("status"), undefined);
    assert.deepEqual(page.frame(replay(0)).effect("status").status, "live");
  });

  test("a handshake without an answer is given up", () => {
    const page = new Page().do({ type: "start" }).timer("answer");
    assert.ok(page.scheduled("retry") >= 0);
  });

  test("a line that dies before its first pulse is asked about as well", () => {
    const page = live();
    assert.ok(page.scheduled("silence") >= 5000);
    assert.deepEqual(page.timer("silence").effect("send"), { send: { after: 0 } });
    assert.ok(page.timer("answer").effect("reconnect"));
  });

  test("after pulses, silence is asked about, and no answer ends the socket", () => {
    const page = live().frame({ type: "pulse", revision: 0, readers: 1 });
    assert.ok(page.scheduled("silence") >= 5000);
    assert.deepEqual(page.timer("silence").effect("send"), { send: { after: 0 } });
    assert.ok(page.timer("answer").effect("reconnect"));
  });

  test("where only the pulse has died, the socket stays and is asked every 20 s", () => {
    const page = live().frame({ type: "pulse", revision: 0, readers: 1 }).timer("silence");
    page.frame(replay(0));
    assert.ok(page.scheduled("silence") >= 20_000);
    assert.equal(page.timer("answer").effect("reconnect"), undefined);
  });

  test("where pulses are rarer, as in a large crowd, the page waits longer for the next", () => {
    const pulse = (interval) => ({ type: "pulse", revision: 0, readers: 1, interval });
    const page = live().frame(pulse(10));
    assert.ok(page.scheduled("silence") >= 18_000);
    assert.ok(page.frame(pulse(2)).scheduled("silence") < 10_000);
    for (const nonsense of [undefined, null, "ten", -1, 0, NaN]) {
      assert.ok(page.frame(pulse(nonsense)).scheduled("silence") < 10_000, String(nonsense));
    }
    assert.ok(page.frame(pulse(1e9)).scheduled("silence") <= 140_000);
    // The next server may have few readers: its first pulse tells.
    page.close(1006).timer("retry").open().frame(replay(0));
    assert.ok(page.scheduled("silence") < 10_000);
  });

  test("where rare pulses have died, the next one is awaited before the page asks again", () => {
    const pulse = { type: "pulse", revision: 0, readers: 1, interval: 30 };
    const page = live().frame(pulse).timer("silence").frame(replay(0));
    assert.ok(page.scheduled("silence") >= 38_000);
  });

  test("a page that is looked at again checks at once, once", () => {
    const page = live({ revision: 2 }).do({ type: "wake" });
    assert.deepEqual(page.effect("send"), { send: { after: 2 } });
    assert.equal(page.do({ type: "wake" }).effect("send"), undefined);
    assert.ok(page.timer("answer").effect("reconnect"));
    page.do({ type: "wake" });
    assert.deepEqual(page.effect("connect"), { connect: { after: 2 } });
  });

  test("a page that is left hangs up, and connects when it is shown again", () => {
    const page = live({ revision: 2 }).do({ type: "sleep" });
    assert.ok(page.effect("close"));
    assert.deepEqual(page.close(1001).effects, []);
    assert.deepEqual(page.do({ type: "wake" }).effect("connect"), { connect: { after: 2 } });
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

test("an older page joins the page unless it is from before the request", () => {
  const floor = { id: 5, created: at(5) };
  const page = new Page({ revision: 9, rows: [update(5, 5), update(9, 9)], floor });
  const older = (revision, rows) =>
    page.do({ type: "older", revision, edge: floor, floor: { id: 3, created: at(3) }, rows });
  page.do({ type: "start" }).open().frame(replay(9));
  older(9, [update(4, 4)]); // nobody has asked for it
  assert.deepEqual(page.ids, [9, 5]);
  page.do({ type: "older" }).frame(deleted(4, 10)).frame(update(3, 11));
  older(8, [update(4, 4), update(3, 3)]);
  assert.deepEqual(page.ids, [9, 5]);
  older(9, [update(4, 4), update(3, 3), update(2, 2)]);
  assert.deepEqual(page.ids, [9, 5, 3]);
  assert.equal(shown(page.state).at(-1).revision, 11);
  page.frame(update(3, 12)).frame(update(2, 13));
  assert.deepEqual(page.ids, [9, 5, 3]);
});
