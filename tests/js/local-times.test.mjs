// Local times and moments, also where the clocks change. Node takes the time zone from TZ.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { momentsOf, offsetAt, toLocal } from "../../liveblog/static/liveblog/editor/forms/local-times.js";

const before = process.env.TZ;
afterEach(() => {
  if (before === undefined) delete process.env.TZ;
  else process.env.TZ = before;
});

const zone = (name) => {
  process.env.TZ = name;
};

describe("row 50", () => {
  test("a time in the hour that is repeated is two moments, and each shows that time", () => {
    zone("Europe/Berlin");
    const moments = ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"];
    assert.deepEqual(momentsOf("2026-10-25T02:30"), moments);
    assert.deepEqual(moments.map(toLocal), ["2026-10-25T02:30", "2026-10-25T02:30"]);
    assert.deepEqual(moments.map(offsetAt), ["+02:00", "+01:00"]);
  });

  test("a time in the hour that is skipped is no moment", () => {
    zone("Europe/Berlin");
    assert.deepEqual(momentsOf("2026-03-29T02:30"), []);
    assert.deepEqual(momentsOf("2026-03-29T01:59"), ["2026-03-29T00:59:00.000Z"]);
    assert.deepEqual(momentsOf("2026-03-29T03:00"), ["2026-03-29T01:00:00.000Z"]);
  });

  test("half an hour may be repeated, south and west as well", () => {
    zone("Australia/Lord_Howe"); // goes back by half an hour, at 02:00 to 01:30
    const moments = ["2026-04-04T14:45:00.000Z", "2026-04-04T15:15:00.000Z"];
    assert.deepEqual(momentsOf("2026-04-05T01:45"), moments);
    zone("America/New_York");
    assert.equal(momentsOf("2026-11-01T01:30").length, 2);
    assert.equal(momentsOf("2026-03-08T02:30").length, 0);
  });
});

test("every hour of two years is found again from its local time", () => {
  for (const name of ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "UTC"]) {
    zone(name);
    const start = Date.parse("2026-01-01T00:15:00Z");
    for (let hour = 0; hour < 2 * 365 * 24; hour += 1) {
      const moment = new Date(start + hour * 3_600_000).toISOString();
      assert.ok(momentsOf(toLocal(moment)).includes(moment), `${name} ${moment}`);
    }
  }
});

test("what is no time is no moment", () => {
  for (const text of ["", "tomorrow"]) {
    assert.equal(toLocal(text), "");
    assert.deepEqual(momentsOf(text), []);
  }
});
