// A reader's page without a DOM: stream.js, its script, on a real WebSocket and with real timers.

import { begin, step } from "../../liveblog/static/liveblog/reader/stream.js";
import { Socket } from "./socket.mjs";

export class Reader {
  /** `page` has the paths `socket` and `updates`, and `begin`, with which stream.js begins. */
  constructor(port, page) {
    this.port = port;
    this.page = page;
    this.state = begin(page.begin);
    this.timers = new Map();
  }

  dispatch(event) {
    const turn = step(this.state, event);
    this.state = turn.state;
    for (const effect of turn.effects) this.perform(effect);
  }

  perform(effect) {
    if ("connect" in effect) this.connect(effect.connect, effect.after);
    else if ("close" in effect) this.socket?.close();
    else if ("send" in effect) this.socket?.send(JSON.stringify({ ...effect.send, parts: true }));
    else if ("poll" in effect) this.poll(effect.poll, effect.after);
    else if ("schedule" in effect) this.schedule(effect.schedule, effect.ms);
    else if ("cancel" in effect) clearTimeout(this.timers.get(effect.cancel));
    else this.show(effect);
  }

  connect(connection, after) {
    this.socket = new Socket(this.port, `${this.page.socket}?after=${after}&parts=1`, {
      open: () => this.dispatch({ type: "open", connection }),
      message: (text) => this.receive(connection, JSON.parse(text)),
      close: (code, refusal) => {
        this.closed(code, refusal);
        this.dispatch({ type: "close", connection, code });
      },
    });
  }

  receive(connection, frame) {
    this.dispatch({ type: "frame", connection, frame });
  }

  async poll(number, after) {
    this.request?.abort();
    const request = (this.request = new AbortController());
    let answer = { code: 0, frame: null };
    try {
      const address = `http://127.0.0.1:${this.port}${this.page.updates}?after=${after}&parts=1`;
      const response = await fetch(address, { signal: request.signal });
      answer = { code: response.status, frame: JSON.parse(await response.text()) };
    } catch {
      // No answer is one, too.
    }
    this.polled(answer.code);
    this.dispatch({ type: "polled", poll: number, ...answer });
  }

  schedule(timer, ms) {
    clearTimeout(this.timers.get(timer));
    this.timers.set(timer, setTimeout(() => this.dispatch({ type: "timer", timer }), ms));
  }

  stop() {
    this.dispatch({ type: "sleep" });
    this.request?.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  // What a subclass may want to know.

  /** An effect that a person would see. */
  show() {}

  /** A socket is gone; `refusal` is why it never opened, or null. */
  closed() {}

  /** A poll was answered with this status, or 0. */
  polled() {}
}
