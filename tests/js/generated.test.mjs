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
    world.dispatch({ type: "wake" });
    world.run(15_000);
    for (let i = 0; i < 10; i += 1) world.server.change(); // their broadcasts are lost
    world.deliver({ type: "pulse", revision: world.server.revision });
    world.run(5000);
    assert.deepEqual(key(world.shown()), key(world.expected()), `seed ${seed}`);
  }
});

test("the world is bad enough: runs see resets, doubles, losses and reconnects", () => {
  const counts = { resets: 0, late: 0, connections: 0, unanswered: 0 };
  for (let seed = 1; seed <= 30; seed += 1) {
    const world = new World(seed, (_, event) => {
      if (event.frame?.reset) counts.resets += 1;
      if (event.frame && event.frame.revision <= world?.state.head) counts.late += 1;
      if (event.timer === "answer") counts.unanswered += 1;
    });
    for (let i = 0; i < 100; i += 1) {
      world.happen();
      world.run(300);
    }
    counts.connections += world.state.connection;
  }
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 20, `${what}: ${count}`);
});
