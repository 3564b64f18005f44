// The delete and flag buttons of updates and drafts. Each form has its own writer.

import { refreshDrafts } from "./drafts.js";
import { begin } from "./editor-state.js";
import { freshKey, say, writer } from "./writer.js";

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
  remove(target, button);
});

// Escape closes every open confirmation, also those of coverage.js.
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const confirm of document.querySelectorAll(".confirm[open]")) {
    if (confirm.contains(document.activeElement)) confirm.querySelector("summary").focus();
    confirm.open = false;
  }
});

function remove(target, { value: id }) {
  const status = target.querySelector("[data-sending]");
  const { version, revision } = target.closest("[data-id]").dataset;
  const fields = { delete: id, version: version ?? revision };
  target.writer ??= writer(begin(), () => fields, (effect) => {
    if ("say" in effect) say(status, effect.say, effect.message, "delete");
    if ("clear" in effect) refreshDrafts();
  });
  target.writer.dispatch({ type: "submit", key: freshKey(), fields });
}

function setFlag(target, { value: flag }) {
  const status = target.querySelector("[data-sending]");
  const fields = { flag, post: target.closest("[data-id]").dataset.id };
  target.writer ??= writer(begin(), () => target.fields, (effect) => {
    if ("say" in effect) say(status, effect.say, effect.message);
    if (effect.say === "changed") status.textContent = ""; // the update shows it
  });
  target.fields = fields;
  target.writer.dispatch({ type: "submit", key: freshKey(), fields });
}
