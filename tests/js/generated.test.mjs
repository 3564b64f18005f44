// Generated runs: whatever is lost, doubled, delayed or cut, the page ends as the database is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { World } from "./world.mjs";

const RUNS = Number(process.env.RUNS ?? 300);
const FIRST_SEED = Number(process.env.SEED ?? 1);
const key = (rows) => rows.map(({ id, revision }) => `${id}@${revision}`);

/** Checks after every step that nothing shown goes back or rises from the dead. */
function watch() {
  const newest = new Map(); // id -> the greatest revision ever shown or known as a tombstone
  return ({ state, server }) => {
    assert.ok(state.head <= server.revision, "head is not ahead of the database");
    for (const row of state.rows.values()) {
      const known = newest.get(row.id) ?? 0;
      assert.ok(row.revision >= known, `${row.id} went back from ${known} to ${row.revision}`);
      newest.set(row.id, row.revision);
    }
  };
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
  test(`a page ends as the database is (SEED=${seed} RUNS=1 repeats this one)`, () => {
    const world = new World(seed, watch());
    const resets = seed % 3; // runs of different length
    for (let i = 0; i < 60 + 60 * resets; i += 1) {
      world.happen();
      world.run(world.random() * 700);
    }
    world.bad = false;
    world.blocked = false;
    world.run(15_000); // what was on the way arrives; sockets in doubt are given up
    world.dispatch({ type: "wake" });
    world.run(5000);
    assert.deepEqual(key(world.shown()), key(world.expected()));
    assert.equal(world.state.head, world.server.revision);
    assert.equal(world.title, world.server.title);
    assert.equal(world.state.status, "live");
  });
}

test("a healed line needs no look at the page: the next pulse is enough", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const world = new World(seed);
    for (let i = 0; i < 80; i += 1) {
      world.happen();
      world.run(300);
    }
    world.bad = false;
    world.blocked = false;
    world.dispatch({ type: "wake" });
    world.run(30_000); // a page that polls comes back to the socket within 15 s
    for (let i = 0; i < 10; i += 1) world.server.change(); // their broadcasts are lost
    world.deliver({ type: "pulse", revision: world.server.revision });
    world.run(5000);
    assert.deepEqual(key(world.shown()), key(world.expected()), `seed ${seed}`);
  }
});

test("the world is bad enough: runs see resets, doubles, losses and reconnects", () => {
  const counts = { resets: 0, late: 0, connections: 0, unanswered: 0, polled: 0, overtaken: 0 };
  for (let seed = 1; seed <= 30; seed += 1) {
    const world = new World(seed, (_, event) => {
      if (event.frame?.reset) counts.resets += 1;
      if (event.frame && event.frame.revision <= world?.state.head) counts.late += 1;
      if (event.timer === "answer") counts.unanswered += 1;
      if (event.type === "polled" && event.frame) counts.polled += 1;
      if (event.type === "polled" && event.poll < world?.state.polls) counts.overtaken += 1;
    });
    for (let i = 0; i < 100; i += 1) {
      world.happen();
      world.run(300);
    }
    counts.connections += world.connection;
  }
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 20, `${what}: ${count}`);
});

/** A page that lives through a bad minute, then through one fault, and sees pulses all the time. */
function afterAFault(seed, fault, check) {
  const world = new World(seed, check);
  world.pulsing = true;
  for (let i = 0; i < 60; i += 1) {
    world.happen();
    world.run(300);
  }
  world.bad = false;
  fault(world);
  world.due.length = 0; // what was on the way is lost
  const seconds = 10 + world.random() * 50;
  for (let i = 0; i < seconds; i += 1) {
    if (world.random() < 0.3) world.server.change();
    world.run(1000 * world.random());
  }
  world.dispatch({ type: "wake" }); // in case it slept: a page that nobody has is not waited for
  world.run(3000 * world.random());
  return world;
}

const FAULTS = {
  "refuses all": (world) => {
    world.hangUp();
    world.cut = "refused";
    world.run(60);
  },
  "answers nothing": (world) => {
    world.up = 0;
    world.cut = "void";
  },
};

for (const [what, fault] of Object.entries(FAULTS)) {
  for (const blocked of [false, true]) {
    const sockets = blocked ? "sockets stay blocked" : "sockets open again";
    test(`a server that ${what} comes back: 5 s later the page is whole; ${sockets}`, () => {
      for (let seed = 1; seed <= 200; seed += 1) {
        const world = afterAFault(seed, fault);
        for (let i = 0; i < 3; i += 1) world.server.change();
        world.cut = null;
        world.blocked = blocked;
        world.run(5000);
        assert.deepEqual(key(world.shown()), key(world.expected()), `seed ${seed}`);
        assert.equal(world.state.head, world.server.revision, `seed ${seed}`);
        if (what === "refuses all" && !blocked) assert.equal(world.state.status, "live");
      }
    });
  }
}

test("a page whose sockets are blocked follows within 5 s, and comes back to the socket", () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const world = new World(seed);
    world.bad = false;
    world.pulsing = true;
    world.blocked = true;
    world.hangUp();
    world.run(6000);
    for (let i = 0; i < 20; i += 1) {
      world.server.change();
      world.run(4500);
      assert.deepEqual(key(world.shown()), key(world.expected()), `seed ${seed}`);
      assert.equal(world.state.status, "polling");
      assert.equal(world.state.readers, null);
    }
    world.blocked = false;
    world.run(18_000);
    assert.equal(world.state.status, "live", `seed ${seed}`);
    assert.equal(world.state.readers, 1);
    const { polls } = world.state;
    world.run(60_000);
    assert.equal(world.state.polls, polls, "it no longer polls");
  }
});

test("a coverage that ends leaves every page whole, and then it is asked for rarely", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const world = new World(seed, watch());
    world.pulsing = true;
    for (let i = 0; i < 20; i += 1) {
      world.happen();
      world.run(world.random() * 700);
    }
    world.server.change(); // the last post, whose broadcast is lost
    world.end();
    world.run(world.random() * 3000);
    world.bad = false;
    world.blocked = false;
    if (world.state.phase === "idle") world.dispatch({ type: "wake" }); // it was left
    world.run(25_000);
    assert.deepEqual(key(world.shown()), key(world.expected()), `seed ${seed}`);
    assert.equal(world.state.head, world.server.revision, `seed ${seed}`);
    assert.deepEqual([world.state.status, world.state.phase], ["ended", "ended"], `seed ${seed}`);
    const { connection } = world;
    const { polls } = world.state;
    world.run(60_000);
    assert.equal(world.connection, connection);
    assert.ok(world.state.polls <= polls + 3, `seed ${seed}`);
  }
});
