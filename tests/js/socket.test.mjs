// The WebSocket of every page, with a socket and timers that the tests control.

import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";

import { RANGES, closed } from "../../bench/pages/close-codes.mjs";

class FakeWebSocket {
  static OPEN = 1;
  static all = [];

  constructor(url) {
    if (FakeWebSocket.forbidden) throw new Error("forbidden by a policy");
    Object.assign(this, { url, readyState: 0, sent: [] });
    FakeWebSocket.all.push(this);
  }

  opens() {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen();
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.readyState = 2;
  }
}

const online = []; // listeners
const element = { textContent: JSON.stringify(RANGES) };
Object.assign(globalThis, {
  WebSocket: FakeWebSocket,
  document: { getElementById: (id) => (id === "close-codes" ? element : null) },
  location: { origin: "https://example.com" },
  addEventListener: (name, listener) => name === "online" && online.push(listener),
  removeEventListener: (name, listener) => online.splice(online.indexOf(listener), 1),
});
const { Socket } = await import("../../proj/static/site/socket.js");
const { openSocket } = await import("../../proj/static/site/open-socket.js");

mock.timers.enable({ apis: ["setTimeout"] });
const last = () => FakeWebSocket.all.at(-1);

beforeEach(() => {
  FakeWebSocket.all = [];
  FakeWebSocket.forbidden = false;
  online.length = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

function recorded() {
  const calls = [];
  const on = Object.fromEntries(
    ["open", "frame", "close", "due"].map((name) => [name, (value) => calls.push([name, value])]),
  );
  return { calls, socket: new Socket(on) };
}

describe("a socket", () => {
  test("uses TLS where the page does", () => {
    recorded().socket.connect("/channel/x/");
    assert.equal(last().url, "wss://example.com/channel/x/");
  });

  test("reports frames, and ignores what is not JSON", () => {
    const { calls, socket } = recorded();
    socket.connect("/");
    last().onmessage({ data: "<html>" });
    last().onmessage({ data: '{"type": "x"}' });
    assert.deepEqual(calls, [["frame", { type: "x" }]]);
  });

  for (const code of [1000, 1006, 1009, 1012, 1013, 4401, 4403, 4404, 4410, 4429, 4503]) {
    const { duty } = closed(code);
    test(`reports the duty of ${code}: ${duty}`, () => {
      const { calls, socket } = recorded();
      socket.connect("/");
      last().onclose({ code });
      assert.deepEqual(calls, [["close", { duty, code }]]);
    });
  }

  test("reports nothing of a connection that was replaced or closed", () => {
    const { calls, socket } = recorded();
    socket.connect("/1");
    const [first] = FakeWebSocket.all;
    socket.connect("/2");
    assert.deepEqual([first.onopen, first.onmessage, first.onclose], [null, null, null]);
    socket.reconnect(100);
    assert.equal(last().onclose, null);
    socket.close();
    mock.timers.tick(100);
    assert.deepEqual(calls, []);
  });

  test("is due after the delay of a reconnect", () => {
    const { calls, socket } = recorded();
    socket.reconnect(100);
    mock.timers.tick(99);
    assert.deepEqual(calls, []);
    mock.timers.tick(1);
    assert.equal(calls[0][0], "due");
  });

  test("that a policy forbids is a lost connection", () => {
    FakeWebSocket.forbidden = true;
    const { calls, socket } = recorded();
    socket.connect("/");
    assert.deepEqual(calls, [], "not before connect() has returned");
    mock.timers.tick(0);
    assert.deepEqual(calls, [["close", { duty: "reconnect", code: 1006 }]]);
    assert.equal(socket.send({}), false);
  });

  test("sends only while it is open", () => {
    const { socket } = recorded();
    socket.connect("/");
    assert.equal(socket.send({ a: 1 }), false);
    last().opens();
    assert.equal(socket.send({ a: 1 }), true);
    assert.deepEqual(last().sent, ['{"a":1}']);
  });
});

describe("a socket that stays connected", () => {
  function opened() {
    const states = [];
    const socket = openSocket("/", { onFrame() {}, onState: (...state) => states.push(state) });
    return { states, socket };
  }

  test("reconnects with growing delays until a frame arrives", () => {
    opened();
    for (let number = 1; number <= 5; number += 1) {
      last().opens();
      last().onclose({ code: 1006 });
      const longest = 500 * 2 ** (number - 1);
      mock.timers.tick(longest / 2 - 1);
      assert.equal(FakeWebSocket.all.length, number);
      mock.timers.tick(longest / 2 + 1);
      assert.equal(FakeWebSocket.all.length, number + 1);
    }
    last().onmessage({ data: "{}" });
    last().onclose({ code: 1012 });
    mock.timers.tick(500);
    assert.equal(FakeWebSocket.all.length, 7);
  });

  for (const code of [1013, 4429]) {
    test(`waits longer after ${code}`, () => {
      opened();
      last().onclose({ code });
      mock.timers.tick(9999);
      assert.equal(FakeWebSocket.all.length, 1);
      mock.timers.tick(502);
      assert.equal(FakeWebSocket.all.length, 2);
    });
  }

  for (const code of [4401, 4403, 4404, 4410]) {
    test(`does not reconnect after ${code}, not even when the network is back`, () => {
      const { states } = opened();
      last().onclose({ code });
      for (const listener of online) listener();
      mock.timers.tick(60_000);
      assert.equal(FakeWebSocket.all.length, 1);
      assert.deepEqual(states.at(-1), ["stopped", code]);
    });
  }

  test("reconnects at once when the network is back", () => {
    opened();
    last().onclose({ code: 1006 });
    for (const listener of online) listener();
    assert.equal(FakeWebSocket.all.length, 2);
    mock.timers.tick(60_000);
    assert.equal(FakeWebSocket.all.length, 2);
  });

  test("ends with close()", () => {
    const { socket } = opened();
    last().onclose({ code: 1006 });
    socket.close();
    for (const listener of online) listener();
    mock.timers.tick(60_000);
    assert.equal(FakeWebSocket.all.length, 1);
  });
});
