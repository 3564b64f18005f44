// Simulated time for many readers' pages: their timers and whatever else is due, in order.

import { begin, step } from "../../liveblog/static/liveblog/reader/stream/stream.js";

/** Calls functions at their time, in ms; of those due at once, in the order of their planning. */
export class Clock {
  constructor() {
    this.now = 0;
    this.count = 0;
    this.heap = []; // {when, number, act}; a child is never due before its parent
  }

  after(ms, act) {
    const entry = { when: this.now + ms, number: (this.count += 1), act };
    const { heap } = this;
    let place = heap.push(entry) - 1;
    for (let up = (place - 1) >> 1; place > 0 && isBefore(entry, heap[up]); up = (place - 1) >> 1) {
      heap[place] = heap[up];
      place = up;
    }
    heap[place] = entry;
    return entry;
  }

  /** Let time pass until then. */
  run(until) {
    while (this.heap[0]?.when <= until) {
      const { when, act } = this.pop();
      this.now = when;
      act();
    }
    this.now = until;
  }

  pop() {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0) return first;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(a, b) {
  return a.when < b.when || (a.when === b.when && a.number < b.number);
}

/**
 * A page with timers; subclasses are its network: connect(), hangUp(), send() and poll(). Events
 * with the number of a connection are dropped once there is another one.
 */
export class TimedPage {
  constructor(clock, start, random) {
    const state = begin({ pageSize: 50, pulse: 2000, ...start });
    Object.assign(this, { clock, random, state, timers: new Map(), connection: 0 });
    this.statuses = []; // [ms, status]
  }

  dispatch(event) {
    if ("connection" in event && event.connection !== this.connection) return;
    const { state, effects } = step(this.state, event, this.random);
    this.state = state;
    for (const effect of effects) this.perform(effect);
  }

  perform(effect) {
    if ("connect" in effect) {
      this.timers.delete("retry");
      this.connect((this.connection += 1), effect.connect.after);
    } else if ("reconnect" in effect) {
      this.hangUp();
      this.schedule("retry", effect.reconnect);
    } else if ("close" in effect) {
      this.hangUp();
      this.timers.delete("retry");
    } else if ("send" in effect) this.send(effect.send.after);
    else if ("poll" in effect) this.poll(effect.poll, effect.after);
    else if ("schedule" in effect) this.schedule(effect.schedule, effect.ms);
    else if ("cancel" in effect) this.timers.delete(effect.cancel);
    else if ("status" in effect) this.statuses.push([this.clock.now, effect.status]);
  }

  schedule(timer, ms) {
    const entry = this.clock.after(ms, () => {
      if (this.timers.get(timer) !== entry) return; // cancelled, or scheduled anew
      this.timers.delete(timer);
      this.dispatch({ type: "timer", timer });
    });
    this.timers.set(timer, entry);
  }
}
