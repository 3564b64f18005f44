// The composer: keeps unsent text in the browser, sends it, and clears the form once the server has
// acknowledged it.

import { refreshDrafts } from "./drafts.js";
import { begin, same } from "./editor-state.js";
import { showErrors } from "./errors.js";
import { fieldsNow, fill, rendered } from "./fields.js";
import { drop, load, save, slotOf } from "./kept.js";
import { withoutPlaceholders } from "./markdown.js";
import { put } from "../shared/page.js";
import { showMoment, takeTyped, watchMoment } from "./publish-time.js";
import { desk } from "./server.js";
import { freshKey, say, writer } from "./writer.js";

const PROBLEMS = new Set(["waiting", "login", "refused"]);
const AUTOSAVE = 400; // ms after the last key; leaving the page saves immediately

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
    if (later.value === later.defaultValue) showMoment(form, form.dataset.publishAt);
    else takeTyped(form);
    watchMoment(form);
    const help = document.getElementById(`${later.id}_helptext`);
    if (help) help.textContent = form.dataset.localTime;
  }
  // The content on the server; nothing if the server has returned the submitted form.
  const posted = "posted" in form.dataset;
  let initial = posted ? {} : rendered(form);
  const typed = fieldsNow(form); // may already differ: on a slow line typing starts early
  const start = { update, version: elements.version?.value ?? "" };

  // Autosave

  let slot = slotOf(update);
  let kept = null; // what this page has stored there
  const found = posted ? null : load(slot);
  let write = null;
  if (found && (found.write || !same(found.fields, initial))) {
    fill(form, found.fields);
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
  const { dispatch, state } = writer(begin({ ...start, write }), () => fieldsNow(form), show);

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
    const fields = fieldsNow(form);
    fields.body = withoutPlaceholders(fields.body); // files are not stored
    const { write, version } = state();
    if (!write && same(fields, initial)) {
      forget();
      return;
    }
    const text = JSON.stringify({ fields, version, write });
    if (text === kept || !save(slot, text)) return;
    kept = text;
    find("kept").hidden = false;
  }

  /** Remove what this page has stored, not the text of another tab. */
  function forget() {
    clearTimeout(autosave);
    find("kept").hidden = true;
    if (kept !== null) drop(slot, kept);
    kept = null;
  }

  // Effects

  function show(effect) {
    if ("say" in effect) {
      const unscheduled = effect.say === "drafted" && later?.value;
      say(status, effect.say, unscheduled ? desk.dataset.sayUnscheduled : effect.message);
      publish.setAttribute("aria-disabled", effect.say === "sending");
      if (effect.say === "sending") showErrors(form, {});
      // These require an action, so they must be visible.
      if (PROBLEMS.has(effect.say)) status.scrollIntoView({ block: "nearest" });
    } else if ("keep" in effect) keep();
    else if ("retry" in effect) reveal(find("retry"), effect.retry);
    else if ("login" in effect) find("login").hidden = !effect.login;
    else if ("clear" in effect) clear();
    else if ("continueAs" in effect) continueAs(effect.continueAs);
    else if ("invalid" in effect) showErrors(form, effect.invalid);
    else if ("conflict" in effect) showConflict(effect.conflict);
    else if ("fill" in effect) takeTheirs(effect.fill);
  }

  function clear() {
    initial = { author: form.dataset.author };
    fill(form, initial);
    initial = fieldsNow(form);
    forget();
    restored.hidden = true;
    showErrors(form, {});
    const { mode } = form.dataset;
    setMode("new", null);
    if (mode !== "new") resume();
    refreshDrafts();
  }

  /** Restore the unsent new update. */
  function resume() {
    const begun = load(slot);
    if (begun?.write) location.assign(desk.dataset.home); // the page starts with the pending write
    else if (begun) {
      fill(form, begun.fields);
      kept = localStorage.getItem(slot);
      restored.hidden = find("kept").hidden = false;
      restored.querySelector("[data-restored-text]").hidden = false;
      restored.querySelector("[data-restored-sent]").hidden = true;
    }
  }

  /** The first write was acknowledged; later edits change its update. */
  function continueAs({ id, action }) {
    forget();
    restored.hidden = true;
    const hidden = action === "drafted" || action === "scheduled";
    const mode = hidden ? "draft" : "change";
    setMode(mode, id);
    if (mode === "change" && later) showMoment(form, "");
    if (!state().write) say(status, "continued");
    keep();
    refreshDrafts();
  }

  function takeTheirs(current) {
    fill(form, {
      ...current,
      key_event: current.key_event ? "on" : "",
      pinned: current.pinned ? "on" : "",
      publish_at: current.publish_at ?? "",
    });
    initial = fieldsNow(form);
    forget();
    setMode(current.draft ? "draft" : "change", current.id);
    elements.body.focus();
  }

  /** The form is for a new update, a draft, or the change of a published one. */
  function setMode(mode, id) {
    form.dataset.mode = mode;
    slot = slotOf(id);
    const address = desk.dataset.home + (id === null ? "" : `?update=${id}`);
    form.setAttribute("action", address); // form.action is the button named "action"
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

  /** Show or hide an element without losing the focus. */
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

  // Events

  /** With the time of the press: a retry may arrive after the time for which it schedules. */
  function fieldsToSend(action) {
    return { ...fieldsNow(form, action), pressed: new Date().toISOString() };
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const action = event.submitter?.value === "draft" ? "draft" : "publish";
    dispatch({ type: "submit", key: freshKey(), fields: fieldsToSend(action) });
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
    dispatch({ type: "mine", key: freshKey(), fields: fieldsToSend() });
  });
  find("theirs").addEventListener("click", () => dispatch({ type: "theirs" }));
  find("discard").addEventListener("click", () => {
    dispatch({ type: "discard" });
    fill(form, initial);
    forget();
    restored.hidden = true;
    say(status, "discarded");
    elements.body.focus();
  });
  if (!same(fieldsNow(form), initial)) keep();
  for (const name of ["choice", "shortcut"]) find(name).hidden = false;
  label();
}
