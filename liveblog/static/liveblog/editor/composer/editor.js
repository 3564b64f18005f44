// The composer: keeps unsent text in the browser, sends it, and clears the form once the server has
// acknowledged it.

import { begin, same } from "../writes/editor-state.js";
import { clearError, showErrors } from "./errors.js";
import { fieldsNow, fill, hasTexts, isAsIn, rendered, takeFlags } from "./fields.js";
import { drop, load, save, slotOf } from "./kept.js";
import { addressOf, renewLists } from "../desk/lists.js";
import { withoutPlaceholders } from "./markdown.js";
import { put } from "../../shared/page.js";
import { momentOf, showMoment, takeTyped, watchMoment } from "./publish-time.js";
import { desk, freshUpdate, words } from "../writes/server.js";
import { difference } from "./words.js";
import { freshKey, say, writer } from "../writes/writer.js";

// These say how the last write ended, not how the text stands that is typed after it.
const OVER = new Set(["created", "changed", "drafted", "scheduled", "unchanged", "dropped"]);
for (const name of ["discarded", "refused"]) OVER.add(name);
const WHEN = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "medium",
  timeStyle: "short",
});
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
  let base = posted ? NaN : Number(start.version); // the version that has the fields `initial`

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
    showRestored(write);
  } else if (found) {
    drop(slot);
  }
  const { dispatch, state } = writer(begin({ ...start, write }), () => fieldsNow(form), show);

  let autosave = 0;
  form.addEventListener("input", ({ target }) => {
    const left = clearError(form, target);
    const { said } = status.dataset;
    if (OVER.has(said) || (said === "invalid" && !left)) status.textContent = "";
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

  function showRestored(write) {
    restored.hidden = false;
    restored.querySelector("[data-restored-text]").hidden = Boolean(write);
    restored.querySelector("[data-restored-sent]").hidden = !write;
  }

  // Edit in place

  let place = null; // where "Edit" was pressed: {id, top in px of the window}

  const EDIT = "[data-part=edit]";
  const rowOf = (id) =>
    [...document.querySelectorAll(`[data-posts] [data-id="${id}"]`)].find((row) =>
      row.checkVisibility(),
    );

  /** Whether the page can change what the form is for: nothing in it needs the page as it is. */
  function isFree() {
    const { value } = elements.body;
    return !state().write && withoutPlaceholders(value) === value; // no upload is running
  }

  /** Put an update into the form without a reload. */
  async function open(link) {
    const row = link.closest("[data-id]");
    const id = Number(row.dataset.id);
    link.setAttribute("aria-disabled", "true"); // the press is seen at once
    const frame = await freshUpdate(id).catch(() => undefined);
    link.removeAttribute("aria-disabled");
    if (frame === undefined) return say(status, "unopened");
    const unsent = load(slotOf(id));
    const mode = frame?.draft ? "draft" : "change";
    // A login, a deletion, other buttons, or a write that is pending: the page itself shows these.
    const alike = mode === "draft" || publish.value === "publish";
    const gone = !frame || frame.action === "deleted";
    if (gone || !alike || unsent?.write || !isFree()) return location.assign(link.href);
    place = { id, top: row.getBoundingClientRect().top };
    change(fieldsOf(frame), mode, id, frame.version);
    if (unsent && !same(unsent.fields, initial)) {
      fill(form, unsent.fields);
      dispatch({ type: "open", update: id, version: unsent.version ?? frame.version });
      kept = localStorage.getItem(slot);
      find("kept").hidden = false;
      showRestored(null);
      if (Number(state().version) !== base) check(id);
    }
    label();
    find("title").scrollIntoView({ block: "nearest", behavior: "instant" });
    elements.body.focus({ preventScroll: true });
  }

  const fieldsOf = (frame) => ({ ...frame, publish_at: frame.publish_at ?? "" });

  /** Show other content in the form. Unsent text of the one before stays in the browser. */
  function change(fields, mode, update, version) {
    keep();
    kept = null;
    find("kept").hidden = restored.hidden = true;
    dispatch({ type: "open", update, version });
    showErrors(form, {});
    status.textContent = "";
    fill(form, fields);
    initial = fieldsNow(form);
    base = Number(version);
    setMode(mode, update);
  }

  /** Return to where "Edit" was pressed, with the focus. */
  function goBack() {
    const row = place && rowOf(place.id);
    if (row) {
      scrollBy({ top: row.getBoundingClientRect().top - place.top, behavior: "instant" });
      row.querySelector(EDIT)?.focus({ preventScroll: true });
    }
    place = null;
  }

  document.addEventListener("click", (event) => {
    const { target, ctrlKey, metaKey, shiftKey } = event;
    const edit = target.closest?.(EDIT);
    const cancel = target.closest?.("[data-cancel]");
    if (!(edit || cancel) || ctrlKey || metaKey || shiftKey || !isFree()) return;
    event.preventDefault();
    if (edit) return void open(edit);
    change({ author: form.dataset.author }, "new", null, "");
    resume();
    goBack();
  });

  // Changes by others

  /** Find out what has become of the update in the form. */
  async function check(id) {
    if (id !== state().update) return;
    const frame = await freshUpdate(id).catch(() => null); // noticed at the next write
    if (!frame || id !== state().update || state().write) return;
    const isBase = Number(state().version) === base; // else it is not known what the form began with
    const sameMode = frame.draft === (form.dataset.mode === "draft");
    if (frame.action === "deleted") dispatch({ type: "deleted", current: frame });
    else if (isBase && sameMode && isAsIn(initial, frame)) {
      takeFlags(form, initial, frame);
      base = frame.version;
      dispatch({ type: "confirmed", id, version: base });
    } else {
      const editor = isBase && !hasTexts(initial, frame) ? frame.editor : "";
      dispatch({ type: "overtaken", current: { ...frame, editor } });
    }
  }

  function showOvertaken(current) {
    const notice = find("overtaken");
    reveal(notice, Boolean(current));
    if (!current) return;
    const { by, someone, published } = notice.dataset;
    const changed = current.editor ? by.replace("{name}", current.editor) : someone;
    const wasDraft = form.dataset.mode === "draft" && !current.draft;
    put(find("overtaken-text"), wasDraft ? published : changed);
  }

  // Effects

  function show(effect) {
    if ("say" in effect) {
      const unscheduled = effect.say === "drafted" && later?.value;
      say(status, effect.say, unscheduled ? words.sayUnscheduled : effect.message);
      publish.setAttribute("aria-disabled", effect.say === "sending");
      if (effect.say === "sending") showErrors(form, {});
    } else if ("keep" in effect) keep();
    else if ("retry" in effect) reveal(find("retry"), effect.retry);
    else if ("login" in effect) find("login").hidden = !effect.login;
    else if ("clear" in effect) clear();
    else if ("continueAs" in effect) continueAs(effect.continueAs);
    else if ("invalid" in effect) showErrors(form, effect.invalid);
    else if ("overtaken" in effect) showOvertaken(effect.overtaken);
    else if ("conflict" in effect) showConflict(effect.conflict, effect.quiet);
    else if ("fill" in effect) takeTheirs(effect.fill);
    else if ("rebase" in effect) rebase(effect.rebase);
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
    goBack();
    renewLists();
  }

  /** Restore the unsent new update. */
  function resume() {
    const begun = load(slot);
    if (begun?.write) location.assign(desk.dataset.home); // the page starts with the pending write
    else if (begun) {
      fill(form, begun.fields);
      kept = localStorage.getItem(slot);
      find("kept").hidden = false;
      showRestored(null);
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
    renewLists();
  }

  function takeTheirs(current) {
    fill(form, fieldsOf(current));
    initial = fieldsNow(form);
    base = current.version;
    forget();
    setMode(current.draft ? "draft" : "change", current.id);
    elements.body.focus();
  }

  /** Keep the text as a change of the current version, or as a new update if it was deleted. */
  function rebase(current) {
    const mine = fieldsNow(form);
    if (current.action === "deleted") {
      const begun = load(slotOf(null))?.fields.body; // an unsent new update
      if (begun) mine.body += `\n\n${begun}`;
      fill(form, { author: form.dataset.author });
      initial = fieldsNow(form);
      forget();
      setMode("new", null);
    } else {
      takeTheirs(current);
    }
    fill(form, current.draft ? mine : { ...mine, publish_at: "" });
    keep();
    elements.body.focus();
  }

  /** The form is for a new update, a draft, or the change of a published one. */
  function setMode(mode, id) {
    form.dataset.mode = mode;
    slot = slotOf(id);
    // form.action is the button named "action"
    form.setAttribute("action", desk.dataset.home + (id === null ? "" : `?update=${id}`));
    history.replaceState(null, "", addressOf(id));
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
    if (!later) return;
    const details = later.closest("details");
    const summary = details.querySelector("[data-later]");
    const moment = momentOf(elements); // none for a time that the clocks skip
    details.toggleAttribute("data-set", Boolean(moment));
    put(summary, moment ? WHEN.format(new Date(moment)) : summary.dataset.later);
  }

  /** Show or hide an element without losing the focus. */
  function reveal(element, shown) {
    if (!shown && element.contains(document.activeElement)) publish.focus();
    element.hidden = !shown;
  }

  function showConflict(current, quiet) {
    reveal(panel, current);
    if (!current) return;
    const deleted = current.action === "deleted";
    find("current-deleted").hidden = !deleted;
    find("legend").hidden = deleted;
    for (const button of [find("mine"), find("theirs")]) {
      button.textContent = button.dataset[deleted ? "anew" : "change"];
    }
    find("both").hidden = deleted;
    showMine();
    if (quiet) return; // the editor is typing
    panel.focus();
    panel.scrollIntoView({ block: "nearest" });
  }

  /** What the form has that the current version has not, and the other way round. */
  function showMine() {
    const { conflict } = state();
    if (!conflict) return;
    for (const place of panel.querySelectorAll("[data-changes]")) {
      const name = place.dataset.changes;
      place.replaceChildren(...difference(conflict[name] ?? "", elements[name].value).map(marked));
    }
  }

  function marked({ kind, text }) {
    if (kind === "same") return text;
    const element = document.createElement(kind === "gone" ? "del" : "ins");
    element.textContent = text;
    return element;
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
  // A field that the browser complains of must be visible.
  form.addEventListener("invalid", ({ target }) => {
    const details = target.closest("details");
    if (details) details.open = true;
  }, { capture: true });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit(publish);
  });
  const again = find("retry").querySelector("button");
  again.addEventListener("click", () => dispatch({ type: "now" }));
  find("mine").addEventListener("click", () => dispatch({ type: "mine" }));
  find("both").addEventListener("click", () => {
    const { headline, body, correction } = state().conflict;
    elements.headline.value ||= headline;
    elements.correction.value ||= correction;
    elements.body.value = `${body}\n\n${elements.body.value}`;
    dispatch({ type: "mine" });
    say(status, "both");
  });
  document.querySelector("[data-stream]").addEventListener("merged", ({ detail: { merged } }) => {
    const row = merged.find(({ id }) => id === state().update);
    if (row?.action === "deleted") dispatch({ type: "deleted", current: { ...row, body: "" } });
    else if (row) check(row.id);
  });
  // Drafts are in no stream: desk.js tells that one has changed.
  document.addEventListener("draftchanged", ({ detail: { id } }) => check(id));
  find("compare").addEventListener("click", () => dispatch({ type: "compare" }));
  find("theirs").addEventListener("click", () => dispatch({ type: "theirs" }));
  find("discard").addEventListener("click", () => {
    dispatch({ type: "discard" });
    const { update: id } = state();
    if (id !== null && base) dispatch({ type: "open", update: id, version: base });
    fill(form, initial);
    forget();
    restored.hidden = true;
    say(status, "discarded");
    elements.body.focus();
    if (id !== null) check(id);
  });
  if (!same(fieldsNow(form), initial)) keep();
  find("choice").hidden = false;
  label();
  if (update !== null && Number(state().version) !== base) check(update);
}
