import assert from "node:assert/strict";
import { test } from "node:test";

import { SPAN, add, begin, path } from "../../ops/static/ops/series.js";

const sample = (time, processes, queues = {}) => ({ type: "sample", time, processes, queues });
const process = (sockets, deliveries, drops = 0) => ({ sockets, deliveries, drops });

test("sockets are summed and the oldest message of any queue counts", () => {
  const queues = { a: { waiting: 1, age: 0.5 }, b: { waiting: 0, age: 0 } };
  const state = add(begin(), sample(100, { x: process(3, 0), y: process(4, 0) }, queues));
  assert.equal(state.points.sockets.at(-1).value, 7);
  assert.equal(state.points.age.at(-1).value, 0.5);
});

test("a rate needs two samples", () => {
  let state = add(begin(), sample(100, { x: process(1, 50) }));
  assert.deepEqual(state.points.deliveries, []);
  state = add(state, sample(110, { x: process(1, 150) }));
  assert.equal(state.points.deliveries.at(-1).value, 10);
});

test("a process that is new, gone or restarted makes no spike", () => {
  let state = add(begin(), sample(100, { x: process(1, 50), y: process(1, 1000) }));
  state = add(state, sample(110, { x: process(1, 20), z: process(1, 9000) }));
  assert.equal(state.points.deliveries.at(-1).value, 0);
});

test("what is older than the chart is forgotten", () => {
  let state = add(begin(), sample(0, { x: process(1, 0) }));
  state = add(state, sample(SPAN + 1, { x: process(2, 0) }));
  assert.deepEqual(
    state.points.sockets.map(({ value }) => value),
    [2],
  );
});

test("a path stays in its box, whatever the values", () => {
  assert.equal(path([], 300, 80), "");
  const points = [0, 1e9, 5, 0].map((value, index) => ({ time: index * 100, value }));
  for (const pair of path(points, 300, 80).slice(1).split("L")) {
    const [x, y] = pair.split(",").map(Number);
    assert.ok(x >= 0 && x <= 300 && y >= 0 && y <= 80, pair);
  }
});
