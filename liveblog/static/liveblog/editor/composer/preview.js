// The preview in the composer, rendered by the server.

import { parsed, withToken } from "../writes/server.js";

const PAUSE = 300; // ms after the last key
const REMEMBERED = "liveblog-preview";

const form = document.querySelector("[data-composer]");
const box = form?.querySelector("[data-preview]");
if (box) preview();

function preview() {
  const { dataset } = box;
  const part = (name) => box.querySelector(`[data-preview-${name}]`);
  const [headline, content, status] = ["headline", "content", "status"].map(part);
  const { headline: title, body } = form.elements;
  const toggle = form.querySelector("[data-preview-toggle]");
  let [timer, shown, request] = [0, null, null];

  /** Request a preview of the form, and abort the previous request. */
  async function update() {
    clearTimeout(timer);
    const asked = JSON.stringify([title.value, body.value]);
    if (box.hidden || asked === shown) return;
    request?.abort();
    const { signal } = (request = new AbortController());
    const answer = await withToken((token) => ask(token, signal));
    if (!signal.aborted) show(answer, asked);
  }

  async function ask(token, signal) {
    const data = new URLSearchParams({ headline: title.value, body: body.value });
    const headers = { Accept: "application/json", "X-CSRFToken": token };
    const answer = await fetch(dataset.address, { method: "POST", body: data, headers, signal });
    const wait = 1000 * Number(answer.headers.get("Retry-After"));
    return { status: answer.status, body: parsed(await answer.text()), wait };
  }

  function show({ status: code, body: answer, wait }, asked) {
    shown = null;
    if (code === 200 && answer?.type === "preview") {
      shown = asked;
      fill(answer);
      say(answer.content || answer.headline ? "" : dataset.sayEmpty);
    } else if (code === 422 && answer?.fields) {
      say(Object.values(answer.fields).flat().join(" "));
    } else {
      // The previous preview stays.
      const { sayAway, sayLogin, sayRefused } = dataset;
      const reached = code >= 400 && code < 500;
      say(code === 401 ? sayLogin : answer?.message || (reached ? sayRefused : sayAway));
      if (code === 429) timer = setTimeout(update, wait);
    }
  }

  function say(text) {
    status.textContent = text;
    box.toggleAttribute("data-stale", shown === null);
  }

  function fill(answer) {
    headline.textContent = answer.headline;
    headline.hidden = !answer.headline;
    const made = document.createElement("template");
    made.innerHTML = answer.content; // the server has sanitised it
    // Images would flicker if they were replaced.
    const there = [...content.querySelectorAll("img")];
    for (const image of made.content.querySelectorAll("img")) {
      const same = there.findIndex((other) => other.isEqualNode(image));
      if (same !== -1) image.replaceWith(...there.splice(same, 1));
    }
    for (const link of made.content.querySelectorAll("a")) link.target = "_blank";
    content.replaceChildren(made.content);
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(update, PAUSE);
  }

  for (const name of ["input", "filled"]) form.addEventListener(name, soon);
  addEventListener("online", soon);
  toggle.addEventListener("click", () => {
    open(box.hidden);
    remember(!box.hidden);
  });
  open(remembered() ?? false);

  function open(shown) {
    box.hidden = !shown;
    toggle.setAttribute("aria-pressed", shown);
    update();
  }
}

function remembered() {
  try {
    return { open: true, closed: false }[localStorage.getItem(REMEMBERED)];
  } catch {
    return undefined;
  }
}

function remember(open) {
  try {
    localStorage.setItem(REMEMBERED, open ? "open" : "closed");
  } catch {
    // Without storage the choice is not remembered.
  }
}
