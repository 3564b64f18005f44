// What an editor's write does: it is sent until it is answered, and done once; no text is lost.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  FIRST_DELAY,
  LONGEST_DELAY,
  begin,
  same,
  step,
} from "../../liveblog/static/liveblog/editor/writes/editor-state.js";
import { generator } from "./world.mjs";

const text = (body, more = {}) => ({
  action: "publish",
  headline: "",
  body,
  author: "Ada",
  key_event: "",
  pinned: "",
  publish_at: "",
  ...more,
});

/** A form whose events are given by hand; keeps the effects of the last one. */
class Desk {
  constructor(start, random = () => 0.5) {
    this.state = begin(start);
    this.random = random;
    this.effects = [];
    this.form = text("");
    this.keys = 0;
  }

  do(event) {
    const turn = step(this.state, event, this.random);
    this.state = turn.state;
    this.effects = turn.effects;
    return this;
  }

  type(body, more) {
    this.form = text(body, more);
    return this;
  }

  press(type = "submit") {
    this.keys += 1;
    return this.do({ type, key: `key-${this.keys}`, fields: this.form });
  }

  answer(status, body = null, more = {}) {
    const { request, write } = this.state;
    return this.do({
      type: "answer",
      request,
      key: write?.key,
      status,
      body,
      fields: this.form,
      ...more,
    });
  }

  ack(more = {}, event = {}) {
    const key = event.key ?? this.state.write.key;
    const body = { type: "ack", id: 7, revision: 3, version: 3, key, action: "created", ...more };
    return this.answer(200, body, event);
  }

  effect(name) {
    return this.effects.findLast((effect) => name in effect);
  }

  get sent() {
    return this.effect("send")?.write;
  }

  get said() {
    return this.effect("say")?.say;
  }
}

const conflict = (current) => ({
  type: "error",
  code: "conflict",
  current: { id: 7, action: "changed", version: 9, draft: false, body: "theirs", ...current },
});

describe("a write", () => {
  test("clears the form on its acknowledgement, not before", () => {
    const desk = new Desk().type("Hello").press();
    assert.deepEqual(desk.sent, { key: "key-1", update: null, version: "", fields: text("Hello") });
    assert.equal(desk.effect("clear"), undefined);
    assert.ok(desk.ack().effect("clear"));
    assert.equal(desk.said, "created");
    assert.equal(desk.state.write, null);
  });

  test("of a change names the update and the version that the form was filled from", () => {
    const desk = new Desk({ update: 7, version: "3" }).type("Better").press();
    assert.deepEqual([desk.sent.update, desk.sent.version], [7, "3"]);
  });

  test("has a key of its own", () => {
    const desk = new Desk().type("One").press().ack().type("Two").press();
    assert.equal(desk.sent.key, "key-2");
  });

  for (const status of [0, 500, 502, 503, 408, 429]) {
    test(`that was answered with ${status} goes out again with the same key`, () => {
      const desk = new Desk().type("Hello").press();
      const first = desk.sent;
      desk.answer(status);
      assert.equal(desk.said, "waiting");
      assert.deepEqual(desk.do({ type: "timer", timer: "retry" }).sent, first);
    });
  }

  test("that a stranger answers goes out again", () => {
    const desk = new Desk().type("Hello").press().answer(200, null);
    assert.equal(desk.said, "waiting");
    desk.do({ type: "now" }).answer(200, { type: "ack", id: 1, key: "another" });
    assert.equal(desk.effect("clear"), undefined);
  });

  test("is sent again after delays that grow up to a bound, and differ", () => {
    const delays = (share) => {
      const desk = new Desk({}, () => share).type("Hello").press();
      return Array.from({ length: 8 }, () => {
        const { ms } = desk.answer(0).effect("schedule");
        desk.do({ type: "timer", timer: "retry" });
        return ms;
      });
    };
    const [short, long] = [delays(0), delays(0.999)];
    assert.ok(short[0] >= FIRST_DELAY / 2 && long[0] <= FIRST_DELAY);
    assert.ok(short[3] > long[0] && long.every((ms) => ms <= LONGEST_DELAY));
    assert.ok(short.every((ms, i) => ms < long[i]));
  });

  test("without an answer is sent again; a late acknowledgement still counts", () => {
    const desk = new Desk().type("Hello").press();
    const { request } = desk.state;
    desk.do({ type: "timer", timer: "patience" });
    assert.equal(desk.said, "waiting");
    desk.do({ type: "timer", timer: "retry" });
    assert.equal(desk.answer(500, null, { request }).effect("schedule"), undefined);
    assert.ok(desk.ack({}, { request }).effect("clear"));
  });

  test("that was acknowledged twice clears the form once", () => {
    const desk = new Desk().type("One").press().ack().type("Two").press();
    assert.deepEqual(desk.ack({}, { key: "key-1" }).effects, []);
  });

  test("that is pressed twice is sent once", () => {
    const desk = new Desk().type("Hello").press().press();
    assert.equal(desk.sent, undefined);
    assert.ok(desk.ack().effect("clear"));
    assert.equal(desk.sent, undefined);
  });

  test("is kept together with its key for as long as its outcome is not known", () => {
    const desk = new Desk().type("Hello").press();
    assert.equal(desk.effect("keep").keep.key, "key-1");
    assert.equal(desk.ack().effect("keep").keep, null);
  });

  test("that was on its way when the page was left is sent again with its key", () => {
    const write = { key: "old", update: null, version: "", fields: text("Hello") };
    const desk = new Desk({ write }).type("Hello").press();
    assert.deepEqual(desk.sent, write);
    assert.ok(desk.ack().effect("clear"));
  });
});

describe("what is typed while a write is on its way", () => {
  test("stays, and changes what the write has made", () => {
    const desk = new Desk().type("Hello").press().type("Hello, world").ack();
    assert.equal(desk.effect("clear"), undefined);
    assert.equal(desk.effect("continueAs").continueAs.id, 7);
    desk.press();
    assert.deepEqual([desk.sent.update, desk.sent.version], [7, 3]);
  });

  test("is sent by itself afterwards where it was submitted", () => {
    const desk = new Desk().type("Hello").press().type("Hello, world").press();
    assert.equal(desk.sent, undefined, "one at a time");
    desk.ack();
    assert.deepEqual(desk.sent, {
      key: "key-2",
      update: 7,
      version: 3,
      fields: text("Hello, world"),
    });
    assert.ok(desk.ack({ action: "changed", version: 4 }).effect("clear"));
  });

  test("is no draft and not scheduled any more where readers have seen the first part", () => {
    const later = { action: "draft", publish_at: "2030-01-01T00:00+00:00" };
    const desk = new Desk().type("Hello").press().type("More", later).press().ack();
    assert.deepEqual([desk.sent.fields.action, desk.sent.fields.publish_at], ["publish", ""]);
    const draft = new Desk().type("Hello", { action: "draft" }).press().type("More", later).press();
    draft.ack({ action: "drafted", revision: null, version: -1 });
    assert.deepEqual([draft.sent.fields.action, draft.sent.version], ["draft", -1]);
  });

  test("takes the place of a write that was not valid", () => {
    const desk = new Desk().type("").press().type("Hello").press();
    desk.answer(422, { type: "error", code: "invalid", fields: { body: ["Required."] } });
    assert.equal(desk.sent.fields.body, "Hello");
    assert.equal(desk.sent.update, null);
  });
});

describe("a refusal", () => {
  test("marks the fields; the next try is a new write", () => {
    const desk = new Desk().type("").press();
    const fields = { body: ["This field is required."] };
    desk.answer(422, { type: "error", code: "invalid", fields });
    assert.deepEqual(desk.effect("invalid").invalid, fields);
    assert.equal(desk.type("Hello").press().sent.key, "key-2");
  });

  test("for an expired login asks for one, and sends the same write on demand", () => {
    const desk = new Desk().type("Hello").press().answer(401);
    assert.equal(desk.effect("login").login, true);
    assert.equal(desk.effect("schedule"), undefined);
    desk.do({ type: "now" });
    assert.deepEqual([desk.sent.key, desk.effect("send").refresh], ["key-1", true]);
    assert.equal(desk.effect("login").login, false);
    assert.ok(desk.ack().effect("clear"));
  });

  test("for an old CSRF token is met with a new one, once", () => {
    const csrf = { type: "error", code: "csrf", message: "Load the page again." };
    const desk = new Desk().type("Hello").press().answer(403, csrf);
    assert.deepEqual([desk.sent.key, desk.effect("send").refresh], ["key-1", true]);
    desk.answer(403, csrf);
    assert.deepEqual([desk.sent, desk.said], [undefined, "refused"]);
    assert.equal(desk.effect("say").message, "Load the page again.");
  });

  for (const status of [400, 403, 404, 413]) {
    test(`with ${status} says why and keeps the text`, () => {
      const desk = new Desk().type("Hello").press();
      desk.answer(status, { type: "error", code: "no", message: "Because." });
      assert.deepEqual(desk.effect("say"), { say: "refused", message: "Because." });
      assert.equal(desk.effect("clear"), undefined);
    });
  }
});

describe("a conflict", () => {
  const met = (current) =>
    new Desk({ update: 7, version: 3 }).type("mine").press().answer(409, conflict(current));

  test("is shown, and nothing is sent by itself", () => {
    const desk = met();
    assert.equal(desk.effect("conflict").conflict.body, "theirs");
    assert.deepEqual([desk.sent, desk.effect("schedule")], [undefined, undefined]);
  });

  test("is not settled by sending the same again", () => {
    assert.equal(met().press().sent.version, 3);
  });

  test("keeping mine sends nothing; the next write is against the newest version", () => {
    const desk = met().do({ type: "mine" });
    assert.deepEqual([desk.sent, desk.said], [undefined, "kept"]);
    assert.equal(desk.effect("rebase").rebase.body, "theirs");
    assert.equal(desk.effect("conflict").conflict, null);
    const { sent } = desk.press();
    assert.deepEqual([sent.key, sent.update, sent.version], ["key-2", 7, 9]);
  });

  test("mine is a new update where the other was deleted", () => {
    const desk = met({ action: "deleted" }).do({ type: "mine" });
    assert.deepEqual([desk.sent, desk.said], [undefined, "anew"]);
    assert.deepEqual([desk.press().sent.update, desk.sent.version], [null, ""]);
  });

  test("a deletion is noticed before anything is sent, if it is of the update in the form", () => {
    const gone = (id) => ({ type: "deleted", current: { id, action: "deleted" } });
    const desk = new Desk({ update: 7, version: 3 }).type("mine").do(gone(8));
    assert.deepEqual(desk.effects, []);
    assert.deepEqual([desk.do(gone(7)).said, desk.effect("conflict").quiet], ["gone", true]);
    assert.equal(desk.do({ type: "mine" }).press().sent.update, null);
    assert.deepEqual(new Desk({ update: 7 }).press().do(gone(7)).effects, []);
  });

  test("a deletion that is undone leaves the form with a change of the update", () => {
    const gone = { type: "deleted", current: { id: 7, action: "deleted" } };
    const desk = new Desk({ update: 7, version: 3 }).type("mine");
    assert.deepEqual(desk.do({ type: "confirmed", id: 7, version: 4 }).effects, []);
    desk.do(gone).do({ type: "confirmed", id: 8, version: 5 });
    assert.deepEqual(desk.effects, []);
    assert.equal(desk.do({ type: "confirmed", id: 7, version: 5 }).effect("conflict").conflict, null);
    assert.equal(desk.said, "back");
    assert.deepEqual([desk.press().sent.update, desk.sent.version], [7, 5]);
  });

  const newer = (version, more) => ({
    type: "overtaken",
    current: { id: 7, action: "changed", version, body: "theirs", ...more },
  });

  test("a change is told at once, and compared when the editor asks for it", () => {
    const desk = new Desk({ update: 7, version: "3" }).type("mine");
    for (const old of [newer(3), newer(2), newer(9, { id: 8 })]) desk.do(old);
    assert.deepEqual(desk.effects, []);
    assert.equal(desk.do(newer(4)).effect("overtaken").overtaken.version, 4);
    assert.equal(desk.effect("conflict"), undefined);
    assert.deepEqual(desk.do(newer(4)).effects, []);
    assert.equal(desk.do(newer(5)).effect("overtaken").overtaken.version, 5);
    const { conflict } = desk.do({ type: "compare" }).effect("conflict");
    assert.deepEqual([conflict.version, desk.effect("overtaken").overtaken], [5, null]);
    // What comes now is compared too, without moving the focus.
    assert.equal(desk.do(newer(6)).effect("conflict").quiet, true);
    assert.equal(desk.do({ type: "mine" }).press().sent.version, 6);
  });

  test("a change that was told overwrites nothing if the editor publishes nevertheless", () => {
    const desk = new Desk({ update: 7, version: 3 }).type("mine").do(newer(4)).press();
    assert.deepEqual([desk.sent.version, desk.effect("overtaken").overtaken], [3, null]);
    assert.deepEqual(desk.do(newer(5)).effects, []); // the answer will tell
    assert.equal(desk.answer(409, conflict({ version: 5 })).effect("conflict").conflict.version, 5);
  });

  test("the versions of drafts count downwards, and publishing ends that", () => {
    const desk = new Desk({ update: 7, version: "-2" }).type("mine");
    assert.deepEqual(desk.do(newer(-1)).effects, []);
    assert.ok(desk.do(newer(-3)).effect("overtaken"));
    assert.ok(desk.do(newer(1)).effect("overtaken"));
    assert.deepEqual(desk.do(newer(-4)).effects, []);
  });

  test("a flag that was set elsewhere is no conflict", () => {
    const desk = new Desk({ update: 7, version: 3 }).type("mine");
    assert.deepEqual(desk.do({ type: "confirmed", id: 7, version: 4 }).effects, []);
    assert.equal(desk.press().sent.version, 4);
  });

  test("dropping mine fills the form with the newest version", () => {
    const desk = met().do({ type: "theirs" });
    assert.equal(desk.effect("fill").fill.body, "theirs");
    assert.equal(desk.press().sent.version, 9);
    assert.ok(met({ action: "deleted" }).do({ type: "theirs" }).effect("clear"));
  });
});

test("a discarded text is not sent any more", () => {
  const desk = new Desk().type("Hello").press().answer(0).do({ type: "discard" });
  assert.equal(desk.do({ type: "timer", timer: "retry" }).sent, undefined);
  assert.equal(desk.type("Another").press().sent.key, "key-2");
});

test("two forms are the same whichever button was pressed", () => {
  assert.ok(same(text("a", { action: "draft" }), text("a")));
  assert.ok(!same(text("a"), text("b")));
  assert.ok(same({ body: "" }, {}));
});

/** A server that keeps its word about keys, behind a line that loses questions and answers. */
test("generated: whatever is lost, each text is done once, and in order", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const server = { done: new Map(), rows: [] };
    const desk = new Desk({}, random);
    const pending = [];
    let typed = 0;
    let cleared = 0;
    const commit = ({ key, update, fields }) => {
      if (server.done.has(key)) return server.done.get(key);
      if (update === null) server.rows.push(fields.body);
      else server.rows[update] = fields.body;
      const id = update ?? server.rows.length - 1;
      const ack = { type: "ack", id, revision: 1, version: 1, key, action: "created" };
      server.done.set(key, ack);
      return ack;
    };
    const perform = () => {
      for (const effect of desk.effects) {
        if (effect.clear) {
          cleared += 1;
          desk.type("");
        }
        if (!effect.send) continue;
        const { write } = effect;
        if (random() < 0.2) continue; // the question is lost
        const status = random() < 0.2 ? 503 : 200;
        const body = status === 200 || random() < 0.5 ? commit(write) : null;
        const answer = { request: effect.send, key: write.key, status };
        if (random() < 0.3) continue; // the answer is
        pending.push({ ...answer, body: status === 200 ? body : null });
      }
    };
    const act = (event) => {
      desk.do(event);
      perform();
    };
    for (let i = 0; i < 60 || desk.state.write; i += 1) {
      const dice = random();
      if (dice < 0.25 && i < 60) {
        typed += 1;
        const more = desk.form.body ? `${desk.form.body}+` : "";
        desk.type(`${more}${typed}`);
        desk.press();
        perform();
      } else if (dice < 0.6 && pending.length) {
        const [answer] = pending.splice(Math.floor(random() * pending.length), 1);
        act({ type: "answer", ...answer, fields: desk.form });
      } else {
        act({ type: "timer", timer: random() < 0.5 ? "retry" : "patience" });
      }
      assert.ok(i < 5000, `seed ${seed} ends`);
    }
    const numbers = server.rows.flatMap((body) => body.split("+").map(Number));
    assert.deepEqual(
      numbers,
      Array.from({ length: typed }, (_, i) => i + 1),
      `seed ${seed}: ${server.rows}`,
    );
    assert.ok(cleared > 0 || typed === 0);
  }
});
