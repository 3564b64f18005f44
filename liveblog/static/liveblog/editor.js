// The thin rim around editor-state.js: its effects become requests, timers, storage and DOM.

import { begin, same, step, withOffset } from "./editor-state.js";
import { withoutPlaceholders } from "./markdown.js";
import { put } from "./page.js";
import { desk, freshPage, parsed, refreshToken, token } from "./server.js";

const FLAGS = ["key_event", "pinned"];
const PROBLEMS = new Set(["waiting", "login", "refused"]);
const AUTOSAVE = 400; // ms after the last key; leaving the page saves at once

/** A write's way to the server, and its timers. `show` does what else the effects say. */
function writer(state, fieldsNow, show) {
  const timers = new Map();

  function dispatch(event) {
    const turn = step(state, event);
    state = turn.state;
    for (const effect of turn.effects) perform(effect);
  }

  function perform(effect) {
    if ("send" in effect) send(effect);
    else if ("schedule" in effect) {
      clearTimeout(timers.get(effect.schedule));
      const event = { type: "timer", timer: effect.schedule };
      timers.set(effect.schedule, setTimeout(dispatch, effect.ms, event));
    } else if ("cancel" in effect) clearTimeout(timers.get(effect.cancel));
    else show(effect, state);
  }

  async function send({ send: request, write, refresh }) {
    const answer = await post(write, refresh).catch(() => ({ status: 0, body: null }));
    dispatch({ type: "answer", key: write.key, request, ...answer, fields: fieldsNow() });
  }

  addEventListener("online", () => state.phase === "waiting" && dispatch({ type: "now" }));
  return { dispatch, state: () => state };
}

async function post({ key, update, version, fields }, refresh) {
  if (refresh && !(await refreshToken())) return { status: 401, body: null };
  const data = new URLSearchParams({ csrfmiddlewaretoken: token(), key, version });
  for (const [name, value] of Object.entries(fields)) if (value) data.set(name, value);
  const headers = { Accept: "application/json" };
  const query = update === null ? "" : `?update=${update}`;
  const answer = await fetch(desk.dataset.home + query, { method: "POST", body: data, headers });
  return { status: answer.status, body: parsed(await answer.text()) };
}

async function refreshDrafts() {
  const page = await freshPage().catch(() => null); // the next one will show it
  for (const name of ["[data-drafts]", "[data-deleted]"]) {
    const fresh = page?.querySelector(name);
    if (!fresh) return;
    document.querySelector(name).replaceWith(fresh);
  }
}

document.addEventListener("draftschanged", refreshDrafts); // desk.js hears of it

const freshKey = () =>
  // Only pages that came over TLS or from this machine have randomUUID.
  crypto.randomUUID?.() ??
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

/** Say it in words: what the server said, or what the desk has for it. */
function say(element, name, message, purpose = "say") {
  const { dataset } = desk;
  const suffix = name[0].toUpperCase() + name.slice(1);
  element.dataset.said = name;
  element.textContent = message || dataset[purpose + suffix] || dataset[`say${suffix}`] || "";
}

// Deletions and flags, each form with a writer of its own

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (submitter?.name === "flag") {
    event.preventDefault();
    setFlag(target, submitter);
    return;
  }
  const button = target.querySelector("[name=delete]");
  if (!button) return;
  event.preventDefault();
  const status = target.querySelector("[data-sending]");
  const { version, revision } = target.closest("[data-id]").dataset;
  const fields = { delete: button.value, version: version ?? revision };
  target.writer ??= writer(begin(), () => fields, (effect) => {
    if ("say" in effect) say(status, effect.say, effect.message, "delete");
    if ("clear" in effect) refreshDrafts();
  });
  target.writer.dispatch({ type: "submit", key: freshKey(), fields });
});

function setFlag(target, { value: flag }) {
  const status = target.querySelector("[data-sending]");
  const fields = { flag, post: target.closest("[data-id]").dataset.id };
  target.writer ??= writer(begin(), () => target.fields, (effect) => {
    if ("say" in effect) say(status, effect.say, effect.message);
    if (effect.say === "changed") status.textContent = ""; // the post shows it
  });
  target.fields = fields;
  target.writer.dispatch({ type: "submit", key: freshKey(), fields });
}

// The form

const form = document.querySelector("[data-composer]");
if (form) compose();

function compose() {
  const find = (name) => form.querySelector(`[data-${name}]`);
  const status = find("sending");
  const restored = find("restored");
  const panel = find("conflict");
  const { elements } = form;
  const publish = find("publish");

  const update = form.dataset.update ? Number(form.dataset.update) : null;
  const { publish_at: later } = elements;
  if (later) {
    if (later.value === later.defaultValue) later.value = toLocal(form.dataset.publishAt);
    const help = document.getElementById(`${later.id}_helptext`);
    if (help) help.textContent = form.dataset.localTime;
  }
  // What the server knows. Where the form itself was sent and came back, it knows nothing yet.
  const posted = "posted" in form.dataset;
  let initial = posted ? {} : rendered();
  const typed = fieldsNow(); // perhaps more already: on a slow line writers are first
  const start = { update, version: elements.version?.value ?? "" };

  // Autosave

  let slot = slotOf(update);
  let kept = null; // what this page has put there
  const found = posted ? null : load(slot);
  let write = null;
  if (found && (found.write || !same(found.fields, initial))) {
    fill(found.fields);
    const { body } = typed;
    if (body !== initial.body && !found.fields.body.includes(body)) {
      elements.body.value = `${found.fields.body}\n\n${body}`.trim();
    }
    write = found.write ?? null;
    start.version = found.version ?? start.version;
    kept = localStorage.getItem(slot);
    restored.hidden = false;
    restored.querySelector("[data-restored-text]").hidden = Boolean(write);
    restored.querySelector("[data-restored-sent]").hidden = !write;
  } else if (found) {
    drop(slot);
  }
  const { dispatch, state } = writer(begin({ ...start, write }), fieldsNow, show);

  let autosave = 0;
  form.addEventListener("input", () => {
    clearTimeout(autosave);
    autosave = setTimeout(keep, AUTOSAVE);
    label();
    if (!panel.hidden) showMine();
  });
  addEventListener("pagehide", keep);
  document.addEventListener("visibilitychange", () => document.hidden && keep());

  function keep() {
    clearTimeout(autosave);
    const fields = fieldsNow();
    fields.body = withoutPlaceholders(fields.body); // a picture's file is not kept
    const { write, version } = state();
    if (!write && same(fields, initial)) {
      forget();
      return;
    }
    const text = JSON.stringify({ fields, version, write });
    if (text === kept) return;
    try {
      localStorage.setItem(slot, text);
      kept = text;
      find("kept").hidden = false;
    } catch {
      // Full, or forbidden: the text is still in the form.
    }
  }

  /** Remove what this page has kept; another one's text stays. */
  function forget() {
    clearTimeout(autosave);
    find("kept").hidden = true;
    if (kept !== null) drop(slot, kept);
    kept = null;
  }

  // What the effects do

  function show(effect) {
    if ("say" in effect) {
      say(status, effect.say, effect.message);
      publish.setAttribute("aria-disabled", effect.say === "sending");
      if (effect.say === "sending") showErrors({});
      // Where it says what to do, it must be seen.
      if (PROBLEMS.has(effect.say)) status.scrollIntoView({ block: "nearest" });
    } else if ("keep" in effect) keep();
    else if ("retry" in effect) reveal(find("retry"), effect.retry);
    else if ("login" in effect) find("login").hidden = !effect.login;
    else if ("clear" in effect) clear();
    else if ("continueAs" in effect) continueAs(effect.continueAs);
    else if ("invalid" in effect) showErrors(effect.invalid);
    else if ("conflict" in effect) showConflict(effect.conflict);
    else if ("fill" in effect) takeTheirs(effect.fill);
  }

  function clear() {
    initial = { author: form.dataset.author };
    fill(initial);
    initial = fieldsNow();
    forget();
    restored.hidden = true;
    showErrors({});
    const { mode } = form.dataset;
    setMode("new", null);
    if (mode !== "new") resume();
    refreshDrafts();
  }

  /** The new update that was begun before another one was opened is there again. */
  function resume() {
    const begun = load(slot);
    if (begun?.write) location.assign(desk.dataset.home); // the page begins with what is pending
    else if (begun) {
      fill(begun.fields);
      kept = localStorage.getItem(slot);
      restored.hidden = find("kept").hidden = false;
      restored.querySelector("[data-restored-text]").hidden = false;
      restored.querySelector("[data-restored-sent]").hidden = true;
    }
  }

  /** The first part is safe; what was typed since changes it. */
  function continueAs({ id, action }) {
    forget();
    restored.hidden = true;
    const hidden = action === "drafted" || action === "scheduled";
    const mode = hidden ? "draft" : "change";
    setMode(mode, id);
    if (mode === "change" && elements.publish_at) elements.publish_at.value = "";
    if (!state().write) say(status, "continued");
    keep();
    refreshDrafts();
  }

  function takeTheirs(current) {
    fill({
      ...current,
      key_event: current.key_event ? "on" : "",
      pinned: current.pinned ? "on" : "",
      publish_at: current.publish_at ?? "",
    });
    initial = fieldsNow();
    forget();
    setMode(current.draft ? "draft" : "change", current.id);
    elements.body.focus();
  }

  /** The form is for a new update, a draft, or the change of a published one. */
  function setMode(mode, id) {
    form.dataset.mode = mode;
    slot = slotOf(id);
    const address = desk.dataset.home + (id === null ? "" : `?update=${id}`);
    form.setAttribute("action", address); // form.action is the button of that name
    history.replaceState(null, "", address);
    find("title").textContent = find("title").dataset[mode];
    for (const element of form.querySelectorAll("[data-unpublished]")) {
      element.hidden = mode === "change";
    }
    find("cancel").hidden = mode === "new";
    label();
  }

  function label() {
    const { mode } = form.dataset;
    const name = mode === "change" ? "change" : later?.value ? "schedule" : "new";
    put(publish, publish.dataset[name]);
  }

  function showErrors(errors) {
    for (const list of form.querySelectorAll(".errorlist")) list.remove();
    for (const marked of form.querySelectorAll(".has-error")) marked.classList.remove("has-error");
    for (const field of form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
    }
    let first = null;
    for (const [name, sentences] of Object.entries(errors)) {
      const field = elements[name]?.type === "hidden" ? null : elements[name];
      const list = document.createElement("ul");
      list.className = "errorlist";
      for (const sentence of sentences) {
        list.append(Object.assign(document.createElement("li"), { textContent: sentence }));
      }
      const place = field?.closest?.(".field, .check");
      if (!place) {
        status.before(list);
        continue;
      }
      list.id = `${field.id}_error`;
      place.after(list);
      place.classList.add("has-error");
      place.closest("details")?.setAttribute("open", "");
      field.setAttribute("aria-invalid", "true");
      const described = (field.getAttribute("aria-describedby") ?? "").split(" ");
      described.push(list.id);
      field.setAttribute("aria-describedby", [...new Set(described)].join(" ").trim());
      first ??= field;
    }
    first?.focus();
  }

  /** Show or hide; the focus does not vanish with what is hidden. */
  function reveal(element, shown) {
    if (!shown && element.contains(document.activeElement)) publish.focus();
    element.hidden = !shown;
  }

  function showConflict(current) {
    reveal(panel, current);
    if (!current) return;
    const deleted = current.action === "deleted";
    panel.querySelector("[data-current-headline]").textContent = current.headline;
    panel.querySelector("[data-current-body]").textContent = current.body;
    panel.querySelector("[data-current-deleted]").hidden = !deleted;
    const mine = panel.querySelector("[data-mine]");
    mine.textContent = mine.dataset[deleted ? "anew" : "change"];
    showMine();
    panel.focus();
    panel.scrollIntoView({ block: "nearest" });
  }

  function showMine() {
    panel.querySelector("[data-mine-headline]").textContent = elements.headline.value;
    panel.querySelector("[data-mine-body]").textContent = elements.body.value;
  }

  // The fields, as they are sent

  function fieldsNow(action = "publish") {
    const fields = { action };
    for (const name of ["headline", "body", "author"]) fields[name] = elements[name].value;
    for (const name of FLAGS) fields[name] = elements[name].checked ? "on" : "";
    fields.publish_at = withOwnOffset(elements.publish_at?.value);
    return fields;
  }

  /** The same, as the server rendered them. */
  function rendered() {
    const fields = { action: "publish" };
    for (const name of ["headline", "body", "author"]) fields[name] = elements[name].defaultValue;
    for (const name of FLAGS) fields[name] = elements[name].defaultChecked ? "on" : "";
    fields.publish_at = withOwnOffset(toLocal(form.dataset.publishAt));
    // With a text from the history in the form, that counts as typed.
    return Object.assign(fields, JSON.parse(form.dataset.stored ?? "{}"));
  }

  function fill(fields) {
    for (const name of ["headline", "body", "author"]) elements[name].value = fields[name] ?? "";
    for (const name of FLAGS) elements[name].checked = Boolean(fields[name]);
    if (elements.publish_at) {
      elements.publish_at.value = toLocal(fields.publish_at);
      elements.publish_at.closest("details").open = Boolean(fields.publish_at);
    }
    form.dispatchEvent(new Event("filled")); // for the preview
  }

  // Events

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const action = event.submitter?.value === "draft" ? "draft" : "publish";
    dispatch({ type: "submit", key: freshKey(), fields: fieldsNow(action) });
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit(publish);
  });
  const again = find("retry").querySelector("button");
  again.addEventListener("click", () => dispatch({ type: "now" }));
  find("mine").addEventListener("click", () => {
    const { action, draft, id } = state().conflict;
    const anew = action === "deleted";
    setMode(anew ? "new" : draft ? "draft" : "change", anew ? null : id);
    dispatch({ type: "mine", key: freshKey(), fields: fieldsNow() });
  });
  find("theirs").addEventListener("click", () => dispatch({ type: "theirs" }));
  find("discard").addEventListener("click", () => {
    dispatch({ type: "discard" });
    fill(initial);
    forget();
    restored.hidden = true;
    say(status, "discarded");
    elements.body.focus();
  });
  if (!same(fieldsNow(), initial)) keep();
  for (const name of ["choice", "shortcut"]) find(name).hidden = false;
  label();
}

/** A moment as the value of a datetime-local field, in this browser's time zone. */
function toLocal(moment) {
  const time = moment ? new Date(moment) : null;
  if (!time || Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The same the other way; "" for none. */
function withOwnOffset(local) {
  return local ? withOffset(local, new Date(local).getTimezoneOffset()) : "";
}

// Storage; without it, nothing but the autosave is missing.

function slotOf(update) {
  return `liveblog-draft:${desk.dataset.slug}:${update ?? "new"}`;
}

function load(slot) {
  try {
    const found = JSON.parse(localStorage.getItem(slot));
    return typeof found?.fields === "object" ? found : null;
  } catch {
    return null;
  }
}

function drop(slot, only = null) {
  try {
    if (only === null || localStorage.getItem(slot) === only) localStorage.removeItem(slot);
  } catch {
    // It may stay.
  }
}
