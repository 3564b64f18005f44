// The buttons in the menus of updates and drafts: flags, deletion and undoing it. Each form has a
// writer of its own, which sends until the server has answered.

import { begin } from "../writes/editor-state.js";
import { renewLists } from "./lists.js";
import { desk } from "../writes/server.js";
import { show } from "../writes/toast.js";
import { freshKey, sentenceOf, writer } from "../writes/writer.js";

const STAY = new Set(["waiting", "login", "conflict", "refused"]); // these require an action

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  const action = ACTIONS[submitter?.name];
  if (!action || !desk.parentElement.contains(target)) return;
  event.preventDefault();
  action(target, submitter);
});

const ACTIONS = {
  flag(target, { value: flag }) {
    const { id } = target.closest("[data-id]").dataset;
    // The update itself shows a flag that is set.
    const report = (name, message) => STAY.has(name) && tell("say", name, message);
    send(target, { flag, post: id }, report);
  },
  delete(target, button) {
    const row = target.closest("[data-id]");
    const { version, revision } = row.dataset;
    const flags = { pinned: "pinned" in row.dataset, key_event: "keyEvent" in row.dataset };
    const undoable = "undoable" in button.dataset;
    row.toggleAttribute("data-leaving", true);
    send(target, { delete: button.value, version: version ?? revision }, (name, message) => {
      if (STAY.has(name)) row.removeAttribute("data-leaving");
      if (name === "sending") return;
      const action = undoable && name === "deleted" ? () => restore(button.value, flags) : null;
      tell("delete", name, message, action);
    });
  },
  restore(target, button) {
    restore(button.value);
  },
};

/** Undo a deletion. `flags` are those that the update had. */
function restore(id, flags = {}) {
  const fields = { restore: id };
  for (const [name, value] of Object.entries(flags)) if (value) fields[name] = "on";
  send({}, fields, (name, message) => name === "sending" || tell("restore", name, message));
}

/** Send the fields; `report(name, message)` gets each state of the write. */
function send(target, fields, report) {
  target.fields = fields;
  target.writer ??= writer(begin(), () => target.fields, (effect) => {
    if ("say" in effect) target.report(effect.say, effect.message);
    if ("clear" in effect) renewLists();
  });
  target.report = report;
  target.writer.dispatch({ type: "submit", key: freshKey(), fields });
}

function tell(purpose, name, message, action) {
  show(sentenceOf(name, message, purpose), { action, stays: STAY.has(name) });
}
