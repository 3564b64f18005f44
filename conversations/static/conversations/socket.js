// One WebSocket that comes back. What a close code asks of the client: packages/channels-realtime/src/channels_realtime/close_codes.py.

const STAY_AWAY = new Set([4401, 4403, 4404]);
const FLOOD = 4429;
const FIRST_WAIT = 500; // ms; doubled up to the longest, and spread by chance: no stampede
const LONGEST_WAIT = 15_000;
const AFTER_FLOOD = 10_000; // ms, the window in which the server counts

/** A WebSocket to a path of this site. */
export function dial(path) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new WebSocket(`${scheme}://${location.host}${path}`);
}

/**
 * Connect to a path of this site and keep connecting. Callbacks: `onFrame(frame)`, `onOpen()` and
 * `onState(name, code)` with connecting, live, reconnecting or stopped.
 * Returns {send(value) -> whether it went out, close()}.
 */
export function openSocket(path, { onFrame, onOpen = () => {}, onState = () => {} }) {
  let socket = null;
  let timer = null;
  let failures = 0;
  let ended = false;

  function connect() {
    clearTimeout(timer);
    const mine = dial(path);
    socket = mine;
    mine.onopen = () => {
      onState("live");
      onOpen();
    };
    mine.onmessage = ({ data }) => {
      failures = 0; // not at the opening: a refusal opens as well
      const frame = parsed(data);
      if (frame) onFrame(frame);
    };
    mine.onclose = ({ code }) => {
      if (ended || mine !== socket) return;
      if (STAY_AWAY.has(code)) {
        onState("stopped", code);
        return;
      }
      onState("reconnecting", code);
      timer = setTimeout(connect, wait(code));
    };
  }

  function wait(code) {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
    return (code === FLOOD ? AFTER_FLOOD : longest / 2) + (Math.random() * longest) / 2;
  }

  function wake() {
    if (!ended && socket?.readyState === WebSocket.CLOSED && timer) connect();
  }

  addEventListener("online", wake);
  onState("connecting");
  connect();
  return {
    send(value) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(value));
      return true;
    },
    close() {
      ended = true;
      clearTimeout(timer);
      removeEventListener("online", wake);
      socket.close();
    },
  };
}

function parsed(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame === "object" ? frame : null;
  } catch {
    return null; // a proxy on the way put something else into the socket
  }
}

/** Show a state in its element, in the words of its data-… attributes. */
export function showState(element, name, code) {
  element.dataset.status = name;
  element.textContent = element.dataset[`text${code ?? ""}`] || element.dataset[name];
}
