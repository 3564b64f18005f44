// A reader's page whose events are given by hand, and the frames that a server would send it.

import { begin, shown, step } from "../../liveblog/static/liveblog/reader/stream/stream.js";
import { closed } from "../../bench/pages/close-codes.mjs";

const MINUTE = 60_000;

export function at(minute) {
  return new Date(Date.UTC(2026, 0, 1) + minute * MINUTE).toISOString();
}

export function update(id, revision, more = {}) {
  return {
    type: "update",
    id,
    revision,
    action: "changed",
    content: `<p>${id} at ${revision}</p>`,
    headline: "",
    author: "",
    pinned: false,
    key_event: false,
    created: at(id),
    edited: null,
    ...more,
  };
}

export const deleted = (id, revision) => update(id, revision, { action: "deleted", content: "" });

export function replay(revision, updates = [], more = {}) {
  const blog = { title: "Title", description: "", state: "live" };
  return { type: "replay", revision, updates, reset: false, ...blog, ...more };
}

/** A page whose events are given by hand; keeps the effects of the last one. */
export class Page {
  constructor(start = { revision: 0 }, random = () => 0.5) {
    this.state = begin({ pageSize: 50, pulse: 2000, ...start });
    this.random = random;
    this.effects = [];
  }

  do(event) {
    const turn = step(this.state, event, this.random);
    this.state = turn.state;
    this.effects = turn.effects;
    return this;
  }

  frame(frame) {
    return this.do({ type: "frame", frame });
  }

  open() {
    return this.do({ type: "open" });
  }

  close(code) {
    return this.do(closed(code));
  }

  timer(timer) {
    return this.do({ type: "timer", timer });
  }

  polled(frame, code = 200) {
    return this.do({ type: "polled", poll: this.state.polls, code, frame });
  }

  effect(name) {
    return this.effects.find((effect) => name in effect);
  }

  /** The ms until a timer; "retry" is the one of a reconnect. */
  scheduled(timer) {
    if (timer === "retry") return this.effect("reconnect")?.reconnect;
    return this.effects.find((effect) => effect.schedule === timer)?.ms;
  }

  get ids() {
    return shown(this.state).map((row) => row.id);
  }
}

/** A page that is connected and has had its first replay. */
export function live(start = { revision: 0 }, random) {
  return new Page(start, random)
    .do({ type: "start" })
    .open()
    .frame(replay(start.revision));
}
