// Loads what many readers never use when it is first needed, and repeats the click or key then.

const LOAD = {
  "[data-share]": () => import("../posts/share.js"),
  "[data-older] a": () => import("./older.js"),
  "[data-chat-open]": () => import("../aside/chat-panel.js"),
  "a.enlarge": () => import("../posts/enlarge.js"),
  "[data-alerts]": () => import("../../alerts/dialog.js"),
  "[data-keyboard] summary": () => import("./keyboard.js"),
};

// Without either, the time of an update is its link. Browsers offer both only over HTTPS.
const can = (navigator.clipboard || navigator.share) && "showPopover" in HTMLElement.prototype;
document.documentElement.classList.toggle("can-share", Boolean(can));

async function onClick(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  for (const [selector, load] of Object.entries(LOAD)) {
    const element = event.target.closest(selector);
    if (!element) continue;
    event.preventDefault();
    event.stopImmediatePropagation();
    try {
      await load();
      delete LOAD[selector];
      element.click();
    } catch {
      if (element.href) location.href = element.href;
    }
    return;
  }
}

addEventListener("click", onClick, { capture: true });

// Shortcuts

const help = document.querySelector("[data-keyboard]");

async function onKey(event) {
  if (!["j", "k", "n"].includes(event.key)) return;
  await import("./keyboard.js");
  removeEventListener("keydown", onKey);
  event.target.dispatchEvent(new KeyboardEvent("keydown", event));
}

if (help) {
  help.hidden = false;
  addEventListener("keydown", onKey);
}

// An address that names an update

const stream = document.querySelector("[data-stream]");

function onHash() {
  if (stream && location.hash) import("./linked.js");
}

addEventListener("hashchange", onHash);
onHash();

// A page to which older updates had been added

if (history.state?.older) import("./older.js");

// Updates that scroll sideways, and players

function onDrawn() {
  if (document.querySelector(".prose :is(video, audio)")) import("../posts/players.js");
  if (document.querySelector(".prose :is(pre, table)")) import("../../shared/wide.js");
}

if (stream) {
  stream.addEventListener("drawn", onDrawn);
  onDrawn();
}

// The menu of the order closes on Escape, and when something else is pressed.

const order = document.querySelector("[data-order-menu]");

addEventListener("click", ({ target }) => {
  if (order && !order.contains(target)) order.open = false;
});

order?.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !order.open) return;
  order.open = false;
  order.querySelector("summary").focus();
});
