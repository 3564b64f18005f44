// A reader's page without a DOM: stream.js, its script, on a real WebSocket and with real timers.

import { begin, step } from "../../liveblog/static/liveblog/reader/stream/stream.js";
import { closed } from "./close-codes.mjs";
import { Socket } from "./socket.mjs";

export class Reader {
  /** `page` has the paths `socket` and `updates`, and `begin`, with which stream.js begins. */
  constructor(port, page) {
    this.port = port;
    this.page = page;
    this.state = begin(page.begin);
    this.timers = new Map();
    this.connection = 0; // the number of connections
  }

  dispatch(event) {
    // Like static/site/socket.js: no events of a connection that was replaced or closed.
    if ("socket" in event && event.socket !== this.socket) return;
    const turn = step(this.state, event);
    this.state = turn.state;
    for (const effect of turn.effects) this.perform(effect);
  }

  perform(effect) {
    if ("connect" in effect) {
      this.disconnect();
      this.connect((this.connection += 1), effect.connect.after);
    } else if ("reconnect" in effect) {
      this.disconnect();
      this.schedule("retry", effect.reconnect);
    } else if ("close" in effect) this.disconnect();
    else if ("send" in effect) this.socket?.send(JSON.stringify({ ...effect.send, parts: true }));
    else if ("poll" in effect) this.poll(effect.poll, effect.after);
    else if ("schedule" in effect) this.schedule(effect.schedule, effect.ms);
    else if ("cancel" in effect) clearTimeout(this.timers.get(effect.cancel));
    else this.show(effect);
  }

  connect(connection, after) {
    const socket = new Socket(this.port, `${this.page.socket}?after=${after}&parts=1`, {
      open: () => this.dispatch({ type: "open", socket }),
      message: (text) => this.receive(socket, JSON.parse(text)),
      close: (code, refusal) => {
        this.closed(code, refusal);
        this.dispatch({ ...closed(code), socket });
      },
    });
    this.socket = socket;
  }

  disconnect() {
    clearTimeout(this.timers.get("retry"));
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  receive(socket, frame) {
    this.dispatch({ type: "frame", socket, frame });
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
