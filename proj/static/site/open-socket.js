// A WebSocket that stays connected.

import { Socket } from "./socket.js";

const FIRST_DELAY = 500; // ms; doubled with each failure, and half of it random
const LONGEST_DELAY = 15_000;
const LATER = 10_000; // ms to wait after an overload or a flood; the server counts in 10 s windows

/**
 * Connect to a path of this site, and reconnect when the connection is lost. `path` may be a
 * function that returns it, called for every connection. Callbacks:
 * `onFrame(frame)`, `onOpen()`, and `onState(name, code)` with "connecting", "live",
 * "reconnecting" or "stopped". Returns {send(value), close()} of the Socket.
 */
export function openSocket(path, { onFrame, onOpen = () => {}, onState = () => {} }) {
  let failures = 0;
  let waiting = false;

  const socket = new Socket({
    open() {
      onState("live");
      onOpen();
    },
    frame(frame) {
      failures = 0; // not on open: a connection that is refused opens first
      onFrame(frame);
    },
    close({ duty, code }) {
      waiting = duty === "reconnect" || duty === "later";
      onState(waiting ? "reconnecting" : "stopped", code);
      if (waiting) socket.reconnect(delay(duty));
    },
    due: connect,
  });

  function connect() {
    waiting = false;
    socket.connect(typeof path === "function" ? path() : path);
  }

  function delay(duty) {
    const bound = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures);
    failures += 1;
    return (duty === "later" ? LATER : bound / 2) + (Math.random() * bound) / 2;
  }

  const wake = () => waiting && connect();
  addEventListener("online", wake);
  onState("connecting");
  connect();
  return {
    send: (value) => socket.send(value),
    close() {
      removeEventListener("online", wake);
      socket.close();
    },
  };
}

/** Show a state in its element: the text of data-text<code>, else of data-<state>. */
export function showState(element, name, code) {
  element.dataset.status = name;
  element.textContent = element.dataset[`text${code ?? ""}`] || element.dataset[name];
}
