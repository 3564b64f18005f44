import assert from "node:assert/strict";
import { test } from "node:test";

import { add, begin, path } from "../../ops/static/ops/series.js";

const SPAN = 600;

const sample = (time, processes, queues = {}) => ({ type: "sample", time, processes, queues });
const process = (sockets, deliveries, published = 0) => ({
  sockets,
  deliveries,
  drops: 0,
  published,
});

test("sockets are summed and the oldest message of any queue counts", () => {
  const queues = { a: { waiting: 1, age: 0.5 }, b: { waiting: 0, age: 0 } };
  const state = add(begin(SPAN), sample(100, { x: process(3, 0), y: process(4, 0) }, queues));
  assert.equal(state.points.sockets.at(-1).value, 7);
  assert.equal(state.points.age.at(-1).value, 0.5);
});

test("a rate is known once a process has published twice, and stays until it does again", () => {
  let state = add(begin(SPAN), sample(100, { x: process(1, 50, 98) }));
  assert.deepEqual(state.points.deliveries, []);
  state = add(state, sample(102, { x: process(1, 50, 98) }));
  assert.deepEqual(state.points.deliveries, []);
  for (const time of [109, 111, 113]) {
    state = add(state, sample(time, { x: process(1, 150, 108) }));
    assert.equal(state.points.deliveries.at(-1).value, 10);
  }
  state = add(state, sample(119, { x: process(1, 150, 118) }));
  assert.equal(state.points.deliveries.at(-1).value, 0);
});

test("a process that is new, gone or restarted makes no spike", () => {
  let state = add(begin(SPAN), sample(100, { x: process(1, 50, 100), y: process(1, 1000, 100) }));
  state = add(state, sample(110, { x: process(1, 20, 110), z: process(1, 9000, 110) }));
  assert.equal(state.points.deliveries.at(-1).value, 0);
});

test("what is older than the chart is forgotten", () => {
  let state = add(begin(SPAN), sample(0, { x: process(1, 0) }));
  state = add(state, sample(SPAN + 1, { x: process(2, 0) }));
  assert.deepEqual(
    state.points.sockets.map(({ value }) => value),
    [2],
  );
});

test("a page that has just been opened shows a minute, and later all that it has seen", () => {
  const value = 1;
  const x = (points) => Number(path(points, 300, 80).slice(1).split(",")[0]);
  assert.equal(x([{ time: 100, value }, { time: 130, value }]), 150);
  assert.equal(x([{ time: 100, value }, { time: 400, value }]), 0);
});

test("a path stays in its box, whatever the values", () => {
  assert.equal(path([], 300, 80), "");
  const points = [0, 1e9, 5, 0].map((value, index) => ({ time: index * 100, value }));
  for (const pair of path(points, 300, 80).slice(1).split("L")) {
    const [x, y] = pair.split(",").map(Number);
    assert.ok(x >= 0 && x <= 300 && y >= 0 && y <= 80, pair);
  }
});
