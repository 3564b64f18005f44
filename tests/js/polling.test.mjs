// What a reader's page does without a socket: where sockets are blocked, and when all has been said.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  FIRST_DELAY,
  LONGEST_LATER_DELAY,
  POLL_ENDED,
  POLL_EVERY,
  POLL_HIDDEN,
  shown,
} from "../../liveblog/static/liveblog/reader/stream/stream.js";
import { Page, live, replay, update } from "./page.mjs";

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
    const page = blocked().polled(replay(4)).timer("retry").open();
    page.timer("answer").timer("answer"); // no replay: the socket is given up
    assert.ok(page.timer("poll").effect("poll"));
    page.timer("retry").open().frame(replay(4));
    assert.equal(page.effect("status").status, "live");
    assert.equal(page.timer("poll").effect("poll"), undefined);
    assert.deepEqual(page.polled(replay(4, [update(1, 4)], { reset: true })).effects, []);
  });

  test("pauses while a socket's replay is on its way: it is not fetched twice", () => {
    const page = blocked().polled(replay(4)).timer("retry").open().timer("poll");
    assert.equal(page.effect("poll"), undefined);
    assert.ok(page.scheduled("poll") <= (POLL_EVERY * 4) / 3);
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
    assert.ok(blocked().polled(null, 429).scheduled("poll") >= (LONGEST_LATER_DELAY * 2) / 3);
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

describe("the end of the coverage", () => {
  const ended = (revision) => ({ type: "ended", revision });
  const over = { state: "ended" };
  const blog = (revision) => ({ ...replay(revision, [], over), type: "blog" });

  const isRare = (ms) => ms >= (POLL_ENDED * 2) / 3;

  test("who has all is finished: no socket, rare polls, no error", () => {
    const page = live().frame(update(1, 1)).frame(blog(2)).frame(ended(2));
    assert.deepEqual(page.effect("status"), { status: "ended", code: undefined });
    assert.equal(page.effect("connect") ?? page.effect("poll"), undefined);
    assert.equal(page.scheduled("retry"), undefined);
    assert.ok(isRare(page.scheduled("poll")));
    assert.deepEqual(page.close(4410).effects, []);
    assert.equal(page.state.status, "ended");
  });

  test("its close code alone says the same", () => {
    const page = live().frame(blog(1)).close(4410);
    assert.equal(page.state.status, "ended");
    assert.equal(page.scheduled("retry"), undefined);
    assert.ok(isRare(page.scheduled("poll")));
  });

  test("who is behind fetches the rest once", () => {
    const page = live().frame(ended(3));
    assert.ok(page.scheduled("poll") < 400);
    assert.equal(page.timer("poll").effect("poll").after, 0);
    page.polled(replay(3, [update(1, 1), update(2, 2)], over));
    assert.deepEqual([page.ids, page.state.status], [[2, 1], "ended"]);
    assert.ok(isRare(page.scheduled("poll")));
  });

  test("who stays asks ever more rarely, and goes live when it was begun anew", () => {
    const page = live().frame(blog(1)).frame(ended(1));
    const pauses = [];
    for (let i = 0; i < 8; i += 1) {
      pauses.push(page.scheduled("poll"));
      page.timer("poll").polled(i % 2 ? null : replay(1, [], over), i % 2 ? 0 : 200);
    }
    assert.deepEqual(pauses.slice(0, 3), [POLL_ENDED, 2 * POLL_ENDED, 4 * POLL_ENDED]);
    assert.equal(pauses.at(-1), 16 * POLL_ENDED);
    page.timer("poll").polled(replay(3, [update(1, 3)]));
    assert.equal(page.effect("connect").connect.after, 3);
    assert.equal(page.effect("blog").blog.state, "live");
    page.open().frame(replay(3));
    assert.deepEqual([page.ids, page.state.status], [[1], "live"]);
  });

  test("a page that nobody looks at asks only when it is shown again", () => {
    const page = live().frame(blog(1)).frame(ended(1)).do({ type: "hide" }).timer("poll");
    assert.equal(page.effect("poll") ?? page.scheduled("poll"), undefined);
    assert.equal(page.do({ type: "wake" }).effect("poll").after, 1);
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
    assert.ok(isRare(page.scheduled("poll")));
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
    assert.equal(page.effect("connect").connect.after, 3);
    page.open().frame(replay(3));
    assert.deepEqual([page.ids, page.state.status], [[1], "live"]);
  });

  test("where it was not, one look is one question", () => {
    const page = live().frame(blog(1)).frame(ended(1)).do({ type: "wake" });
    page.polled(replay(1, [], over));
    assert.ok(isRare(page.scheduled("poll")));
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
    assert.ok(isRare(page.scheduled("poll")));
    assert.ok(page.effect("close"));
  });
});
