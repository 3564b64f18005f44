// Switches this browser's alerts on and off. Nothing is asked of the reader before a button is
// pressed, and nothing is stored in the browser but the subscription itself.

const can =
  isSecureContext &&
  "serviceWorker" in navigator &&
  "PushManager" in window &&
  "Notification" in window;
// An iPad calls itself a Macintosh.
const { userAgent, maxTouchPoints } = navigator;
const isApple = /iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);

// The panel of liveblog/alerts/_panel.html. Shows what is on, and connects its buttons.
export async function manage(panel) {
  const part = (name) => panel.querySelector(`[data-alerts-${name}]`);
  const words = panel.dataset;
  const state = part("state");

  part("unable").hidden = can;
  part("ios").hidden = !isApple;
  part("denied").hidden = !can || Notification.permission !== "denied";
  if (!can) return;

  async function post(address, body) {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const frame = await answer.json();
    if (!answer.ok) throw new Refused(frame.message);
    return frame.blogs;
  }

  async function subscription() {
    const found = await navigator.serviceWorker.getRegistration(words.scope);
    return (await found?.pushManager.getSubscription()) ?? null;
  }

  async function turnOn() {
    const answer = await Notification.requestPermission();
    part("denied").hidden = answer !== "denied";
    if (answer !== "granted") return;
    const { pushManager } = await register(words);
    let found = await pushManager.getSubscription();
    if (found && !isFor(found, words.key)) {
      await found.unsubscribe(); // the site's key is another one now
      found = null;
    }
    found ??= await pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(words.key),
    });
    show(await post(words.subscribe, { blog: words.blog, ...found.toJSON() }));
  }

  async function turnOff(blog) {
    const found = await subscription();
    if (!found) return show([]);
    const only = blog === undefined ? {} : { blog };
    const left = await post(words.unsubscribe, { endpoint: found.endpoint, ...only });
    if (!left.length) await found.unsubscribe();
    show(left);
  }

  function show(blogs) {
    const isOn = blogs.some(({ slug }) => slug === words.blog);
    if (words.blog) state.textContent = isOn ? state.dataset.on : state.dataset.off;
    else state.textContent = blogs.length ? "" : state.dataset.off;
    if (part("on")) part("on").hidden = isOn;
    if (part("off")) part("off").hidden = !isOn;
    const others = blogs.filter(({ slug }) => slug !== words.blog);
    part("others").hidden = !others.length;
    part("list").replaceChildren(...others.map(row));
  }

  function row({ slug, title, url }) {
    const item = panel.querySelector("template").content.cloneNode(true).firstElementChild;
    const [link, button] = item.querySelectorAll("a, button");
    [link.href, link.textContent] = [url, title];
    button.setAttribute("aria-label", `${button.textContent}: ${title}`);
    onPress(button, () => turnOff(slug));
    return item;
  }

  function onPress(button, act) {
    if (!button) return;
    button.onclick = async () => {
      button.setAttribute("aria-disabled", "true");
      try {
        await act();
        if (button.hidden || !button.isConnected) panel.querySelector("h1").focus();
      } catch (error) {
        state.textContent = error instanceof Refused ? error.message : state.dataset.failed;
      }
      button.removeAttribute("aria-disabled");
    };
  }

  onPress(part("on"), turnOn);
  onPress(part("off"), () => turnOff(words.blog));
  onPress(part("all"), () => turnOff());
  try {
    const found = await subscription();
    show(found ? await post(words.subscriptions, { endpoint: found.endpoint }) : []);
  } catch {
    show([]);
    state.textContent = state.dataset.failed;
  }
}

class Refused extends Error {}

// The service worker's registration, once it is active: only then can it subscribe.
async function register({ worker, scope }) {
  const found = await navigator.serviceWorker.register(worker, { scope });
  const starting = found.installing ?? found.waiting;
  if (!found.active) {
    await new Promise((done) => {
      starting.addEventListener("statechange", () => found.active && done());
    });
  }
  return found;
}

function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function isFor({ options }, key) {
  const used = options?.applicationServerKey;
  if (!used) return true; // the browser does not say
  return `${new Uint8Array(used)}` === `${bytes(key)}`;
}
