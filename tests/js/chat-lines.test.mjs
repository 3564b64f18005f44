// The lines of a chat page over lost connections: each is shown once, in order, or a gap is shown.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { begin, step } from "../../conversations/static/conversations/chat-lines.js";
import { generator } from "./world.mjs";

const EPOCH = "0123456789ab";

/** A room with a history of some entries, as the server keeps it. */
class Room {
  constructor(size = 100) {
    Object.assign(this, { size, epoch: EPOCH, offset: 0, entries: [], deleted: new Set() });
  }

  append(frame) {
    this.offset += 1;
    this.entries = [...this.entries, { offset: this.offset, frame }].slice(-this.size);
    return frame;
  }

  say(message) {
    return this.append({ message, user: "Ann", id: `${this.epoch}-${this.offset + 1}` });
  }

  remove(id) {
    this.deleted.add(id);
    this.entries = this.entries.map((entry) =>
      entry.frame?.id === id && entry.frame.message ? { ...entry, frame: null } : entry,
    );
    return this.append({ type: "delete", id });
  }

  lose(epoch) {
    Object.assign(this, { epoch, offset: 0, entries: [] });
  }

  history(after) {
    const [epoch, offset] = after.split("-");
    const first = this.entries[0]?.offset ?? this.offset + 1;
    const recovered = epoch === this.epoch && first - 1 <= offset && offset <= this.offset;
    const entries = recovered ? this.entries.filter((each) => each.offset > offset) : this.entries;
    const frames = entries.map(({ frame }) => frame).filter(Boolean);
    const position = this.offset ? `${this.epoch}-${this.offset}` : null;
    return { type: "history", recovered, position, frames };
  }
}

/** A page: what it shows, "…" where lines may be missing. */
class Page {
  constructor(room) {
    Object.assign(this, { room, state: begin(), shown: [], asked: [] });
    this.reconnect();
  }

  do(event) {
    const turn = step(this.state, event);
    this.state = turn.state;
    for (const { add, remove, gap, ask } of turn.effects) {
      if (add) this.shown.push(add);
      else if (remove) this.shown = this.shown.filter(({ id }) => id !== remove);
      else if (gap) this.shown.push({ message: "…" });
      else this.asked.push(ask);
    }
  }

  take(...frames) {
    for (const frame of frames) this.do({ type: "frame", frame });
  }

  reconnect() {
    this.do({ type: "connect" });
    this.take(this.room.history(this.state.after));
  }

  get texts() {
    return this.shown.map(({ message }) => message).join(" ");
  }
}

describe("a chat page", () => {
  test("shows the history when it comes, and what follows", () => {
    const room = new Room();
    room.say("1");
    const page = new Page(room);
    page.take(room.say("2"));
    assert.equal(page.texts, "1 2");
    assert.equal(page.state.after, `${EPOCH}-2`);
  });

  test("gets what it has missed, once and in order", () => {
    const room = new Room();
    const page = new Page(room);
    page.take(room.say("1"));
    room.say("2");
    room.say("3");
    page.reconnect();
    page.take(room.say("4"));
    page.reconnect();
    assert.equal(page.texts, "1 2 3 4");
  });

  test("keeps what arrives before the history until it is there", () => {
    const room = new Room();
    const page = new Page(room);
    page.take(room.say("1"));
    room.say("2");
    page.do({ type: "connect" });
    const three = room.say("3");
    const history = room.history(page.state.after);
    page.take(three, room.say("4"));
    assert.equal(page.texts, "1");
    page.take(history);
    assert.equal(page.texts, "1 2 3 4");
  });

  test("shows a gap where lines may be missing, and none where the old lines are there", () => {
    const room = new Room(2);
    const page = new Page(room);
    page.take(room.say("1"));
    ["2", "3", "4"].forEach((text) => room.say(text));
    page.reconnect();
    assert.equal(page.texts, "1 … 3 4");
    room.epoch = "ba9876543210"; // restarted with its data
    room.say("5");
    page.reconnect();
    assert.equal(page.texts, "1 … 3 4 5");
  });

  test("begins anew where the server has lost the history, without asking for ever", () => {
    const room = new Room();
    const page = new Page(room);
    page.take(room.say("1"));
    room.lose("ba9876543210");
    page.reconnect();
    page.take(room.say("2"), room.say("3"));
    assert.equal(page.texts, "1 … 2 3");
    assert.deepEqual(page.asked, []);
  });

  test("asks where a line did not arrive, and shows nothing out of order meanwhile", () => {
    const room = new Room();
    const page = new Page(room);
    page.take(room.say("1"));
    room.say("2");
    page.take(room.say("3"), room.say("4"));
    assert.equal(page.texts, "1");
    assert.deepEqual(page.asked, [`${EPOCH}-1`]);
    page.take(room.history(page.asked[0]));
    assert.equal(page.texts, "1 2 3 4");
    page.take(room.say("5"));
    assert.equal(page.asked.length, 1);
  });

  test("does not take a deletion for a lost line", () => {
    const room = new Room();
    const page = new Page(room);
    const one = room.say("1");
    page.take(one, room.say("2"), room.remove(one.id), room.say("3"));
    assert.equal(page.texts, "2 3");
    assert.deepEqual(page.asked, []);
  });

  test("removes what was deleted while it was away", () => {
    const room = new Room();
    const page = new Page(room);
    const one = room.say("1");
    page.take(one, room.say("2"));
    room.remove(one.id);
    page.reconnect();
    assert.equal(page.texts, "2");
  });

  test("shows what has arrived if the history does not come", () => {
    const room = new Room();
    const page = new Page(room);
    page.take(room.say("1"));
    page.do({ type: "connect" });
    page.take(room.say("2"));
    page.do({ type: "timeout" });
    assert.equal(page.texts, "1 … 2");
  });

  test("shows lines of a server that gives no positions", () => {
    const page = new Page(new Room());
    page.take({ message: "1", user: "", id: "x" }, { message: "2", user: "", id: "y" });
    assert.equal(page.texts, "1 2");
    page.take({ type: "from a later version" });
    assert.deepEqual(page.asked, []);
  });

  test("ends with the room's lines after any sequence of losses", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = generator(seed);
      const room = new Room();
      const page = new Page(room);
      const said = [];
      let line = []; // frames on their way to the page, in order
      for (let number = 0; number < 60; number += 1) {
        const dice = random();
        if (dice < 0.5) {
          const frame = room.say(String(number));
          said.push(frame);
          line.push(frame);
        } else if (dice < 0.6 && said.length) {
          const [{ id }] = said.splice(Math.floor(random() * said.length), 1);
          line.push(room.remove(id));
        } else if (dice < 0.7) {
          page.take(...line.slice(0, Math.floor(random() * line.length)));
          page.do({ type: "connect" });
          line = [room.history(page.state.after)];
        } else {
          page.take(...line.splice(0, 1 + Math.floor(random() * 3)));
        }
      }
      page.take(...line);
      page.reconnect();
      assert.equal(page.texts, said.map(({ message }) => message).join(" "), `seed ${seed}`);
    }
  });
});
