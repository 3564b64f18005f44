// A WebSocket with delayed reconnects. The caller decides on them, by the duty of the close code.

// [first, last, duty], from channels_realtime/close_codes.py
const RANGES = JSON.parse(document.getElementById("close-codes").textContent);

function dutyOf(code) {
  return RANGES.find(([first, last]) => first <= code && code <= last)?.[2] ?? "reconnect";
}

export class Socket {
  /** `on`: open(), frame(frame), close({duty, code}), and due() after the delay of a reconnect. */
  constructor(on) {
    this.on = on;
  }

  /** Replaces the current connection. */
  connect(path) {
    this.close();
    const { open, frame, close } = this.on;
    try {
      this.socket = new WebSocket(location.origin.replace("http", "ws") + path);
    } catch {
      // A content security policy can forbid sockets.
      this.timer = setTimeout(close, 0, { duty: "reconnect", code: 1006 });
      return;
    }
    this.socket.onopen = open;
    this.socket.onclose = ({ code }) => close({ duty: dutyOf(code), code });
    this.socket.onmessage = ({ data }) => {
      const value = parsed(data);
      if (value) frame(value);
    };
  }

  reconnect(ms) {
    this.close();
    this.timer = setTimeout(this.on.due, ms);
  }

  /** Also ends a delay. No callback follows. */
  close() {
    clearTimeout(this.timer);
    const { socket } = this;
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
  }

  /** Whether the value was sent. */
  send(value) {
    const isOpen = this.socket?.readyState === WebSocket.OPEN;
    if (isOpen) this.socket.send(JSON.stringify(value));
    return isOpen;
  }
}

/** The frame, or null where a proxy sent something else. */
export function parsed(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame === "object" ? frame : null;
  } catch {
    return null;
  }
}
