// Presence on the editor's page: pages announce themselves repeatedly, and silent ones expire.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  EVERY,
  IDLE,
  SILENT,
  at,
  begin,
  busy,
  people,
  step,
} from "../../liveblog/static/liveblog/editor/desk/presence.js";

/** Pages in one group, with one clock; what one sends, all hear at once. */
class Group {
  constructor() {
    this.pages = [];
    this.now = 1_000_000;
  }

  come(user, name, update = "new") {
    const page = { id: `p${this.pages.length}`, user, name, state: begin(update), effects: [] };
    this.pages.push(page);
    this.tell(page, { type: "welcome", page: page.id, user });
    this.all({ type: "ask" });
    return page;
  }

  go(page) {
    this.pages.splice(this.pages.indexOf(page), 1);
    this.all({ type: "gone", page: page.id });
  }

  do(page, event) {
    const turn = step(page.state, event, this.now);
    page.state = turn.state;
    page.effects.push(...turn.effects);
    for (const { send } of turn.effects) if (send) this.say(page, send);
  }

  say(page, doing) {
    const { id, user, name } = page;
    if (this.pages.includes(page)) this.all({ type: "here", page: id, user, name, ...doing });
  }

  tell(page, frame) {
    this.do(page, { type: "frame", frame });
  }

  all(frame) {
    for (const page of [...this.pages]) this.tell(page, frame);
  }

  wait(ms, ticking = this.pages) {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 1000;
      for (const page of ticking) this.do(page, { type: "tick" });
    }
  }
}

const names = (page) => people(page.state).map(({ name, mine }) => (mine ? "me" : name));

describe("who is here", () => {
  test("whoever comes knows the others at once, and they know whoever comes", () => {
    const group = new Group();
    const [ann, bo, cy] = [[1, "Ann"], [2, "Bo"], [3, "Cy"]].map((who) => group.come(...who));
    assert.deepEqual([ann, bo, cy].map(names), [
      ["Bo", "Cy"],
      ["Ann", "Cy"],
      ["Ann", "Bo"],
    ]);
    group.go(bo);
    assert.deepEqual([ann, cy].map(names), [["Cy"], ["Ann"]]);
  });

  test("nobody is forgotten while their page says it is there, however long nothing happens", () => {
    const group = new Group();
    const [ann, bo] = [group.come(1, "Ann"), group.come(2, "Bo")];
    group.wait(10 * SILENT);
    assert.deepEqual([ann, bo].map(names), [["Bo"], ["Ann"]]);
  });

  test("a page that vanished without a word is dropped after it was silent", () => {
    const group = new Group();
    const [ann, bo] = [group.come(1, "Ann"), group.come(2, "Bo")];
    group.pages.pop();
    group.wait(SILENT - 1000);
    assert.deepEqual(names(ann), ["Bo"]);
    group.wait(2000);
    assert.deepEqual(names(ann), []);
    assert.deepEqual(names(bo), ["Ann"]);
  });

  test("a page whose timers the browser has stopped answers those that still speak", () => {
    const group = new Group();
    const [ann, hidden] = [group.come(1, "Ann"), group.come(2, "Bo")];
    group.wait(5 * SILENT, [ann]);
    assert.deepEqual(names(ann), ["Bo"]);
    assert.deepEqual(names(hidden), ["Ann"]);
  });

  test("one person in several tabs is one, with the tab where they do most", () => {
    const group = new Group();
    const ann = group.come(1, "Ann");
    group.come(2, "Bo");
    const busyTab = group.come(2, "Bo", 7);
    assert.deepEqual(people(ann.state), [{ name: "Bo", mine: false, update: 7, typing: false }]);
    group.go(busyTab);
    assert.equal(people(ann.state)[0].update, "new");
  });

  test("one's own other tab is one's own, and two of one name are two", () => {
    const group = new Group();
    const ann = group.come(1, "Ann");
    group.come(1, "Ann");
    group.come(2, "Ann");
    assert.deepEqual(names(ann), ["Ann", "me"]);
  });

  test("without a socket nobody is known, and all are again once it is back", () => {
    const group = new Group();
    const [ann, bo] = [group.come(1, "Ann"), group.come(2, "Bo")];
    group.do(ann, { type: "lost" });
    assert.deepEqual(names(ann), []);
    ann.id = "p9"; // a new socket is a new page for the others
    group.tell(ann, { type: "welcome", page: ann.id, user: 1 });
    group.all({ type: "ask" });
    assert.deepEqual(names(ann), ["Bo"]);
    assert.deepEqual(names(bo), ["Ann"]);
  });
});

describe("what they do", () => {
  test("typing is told with the first key and not with each, and ends with a pause", () => {
    const group = new Group();
    const [ann, bo] = [group.come(1, "Ann"), group.come(2, "Bo")];
    const said = () => ann.effects.filter((effect) => "send" in effect).length;
    const before = said();
    for (let key = 0; key < 50; key += 1) group.do(ann, { type: "typed" });
    assert.equal(said(), before + 1);
    assert.equal(people(bo.state)[0].typing, true);
    group.wait(IDLE - 1000);
    assert.equal(people(bo.state)[0].typing, true);
    group.wait(2000);
    assert.equal(people(bo.state)[0].typing, false);
  });

  test("the post that somebody has open is known by its id, until they open another", () => {
    const group = new Group();
    const [ann, bo] = [group.come(1, "Ann", 7), group.come(2, "Bo")];
    group.do(bo, { type: "open", update: 7 });
    assert.deepEqual(at(ann.state, 7).map(({ name }) => name), ["Bo"]);
    assert.deepEqual([...busy(ann.state)], [7]);
    group.do(bo, { type: "open", update: "new" });
    assert.deepEqual(at(ann.state, 7), []);
    assert.deepEqual([...busy(ann.state)], []);
  });

  test("a page speaks every few seconds and no more", () => {
    const group = new Group();
    const ann = group.come(1, "Ann");
    ann.effects.length = 0;
    group.wait(10 * EVERY);
    assert.equal(ann.effects.filter((effect) => "send" in effect).length, 10);
  });

  test("a draft that changed is passed on, and what is not known is no reason to stop", () => {
    const group = new Group();
    const ann = group.come(1, "Ann");
    ann.effects.length = 0;
    group.tell(ann, { type: "draft", id: 3, gone: true });
    group.tell(ann, { type: "toString" });
    group.tell(ann, { type: "from a later version" });
    assert.deepEqual(ann.effects, [{ draft: { id: 3, gone: true } }]);
  });
});
