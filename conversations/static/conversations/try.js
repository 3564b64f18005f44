// The console of /try/: connects to an address, sends what is typed, and shows every frame. It does
// not reconnect.


const MOST_LINES = 300;

const console_ = document.querySelector("[data-console]");
const { dataset } = console_;
const form = console_.querySelector("[data-connect]");
const path = form.elements.path;
const sending = console_.querySelector("[data-send]");
const text = sending.elements.text;
const log = console_.querySelector("[data-log]");
const template = console_.querySelector("template");
const status = console_.querySelector("[data-status]");
const disconnect = console_.querySelector("[data-disconnect]");
let socket = null;
let request = null;

for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => {
    path.value = button.dataset.choose;
    text.value = button.dataset.sample;
    for (const other of document.querySelectorAll("[data-choose]")) {
      other.setAttribute("aria-pressed", other === button);
    }
    form.requestSubmit();
    // On phones the console is below the list.
    if (console_.getBoundingClientRect().top > innerHeight / 2) console_.scrollIntoView();
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  close();
  log.replaceChildren();
  if (path.value.startsWith("/channel/")) open(path.value);
  else get(path.value);
});

disconnect.addEventListener("click", close);

sending.addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState !== WebSocket.OPEN) {
    add("note", dataset.notConnected);
    return;
  }
  socket.send(text.value);
  add("out", text.value);
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    sending.requestSubmit();
  }
});

function close() {
  socket?.close();
  request?.abort();
}

function open(address) {
  const mine = new WebSocket(location.origin.replace("http", "ws") + address);
  socket = mine;
  show("connecting");
  add("note", `GET ${address}  Upgrade: websocket`);
  mine.onopen = () => show("live");
  mine.onmessage = ({ data }) => add("in", data);
  mine.onclose = ({ code }) => {
    add("note", `${dataset.closed} ${code}`);
    if (mine === socket) show("stopped");
  };
}

/** Fetch an HTTP address and show the body while it arrives. */
async function get(address) {
  request = new AbortController();
  show("connecting");
  add("note", `GET ${address}`);
  try {
    const url = new URL(address, location.origin);
    const response = await fetch(url, { signal: request.signal });
    add("note", `HTTP ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      add("in", part.value.trimEnd());
    }
  } catch (error) {
    add("note", error.message);
  }
  show("stopped");
}

function show(name) {
  status.dataset.status = name;
  status.textContent = dataset[name];
  disconnect.hidden = name === "stopped";
}

function add(kind, content) {
  const line = template.content.firstElementChild.cloneNode(true);
  line.dataset.kind = kind;
  line.querySelector("[data-part=kind]").textContent = { in: "←", out: "→", note: "·" }[kind];
  line.querySelector("[data-part=text]").textContent = content;
  log.append(line);
  if (log.children.length > MOST_LINES) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
}
