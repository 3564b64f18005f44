// The buttons below the text, their keys, and how a script types.

import { format } from "./markdown.js";

const KEYS = { b: "bold", i: "italic", k: "link" }; // with Ctrl, or Command on a Mac

const form = document.querySelector("[data-composer]");
if (form) buttons(form.elements.body);

/** Replace a part of the field's text as if by hand, so that it can be undone. */
export function type(field, start, end, text) {
  field.focus();
  field.setSelectionRange(start, end);
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, start, end, "end");
  tell(field);
}

/** What listens to typing must hear of a change by script, too. */
export function tell(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function buttons(field) {
  function press(kind) {
    const { value, selectionStart, selectionEnd } = field;
    const { start, end, text, from, to } = format(kind, value, selectionStart, selectionEnd);
    type(field, start, end, text);
    field.setSelectionRange(from, to);
  }

  for (const button of form.querySelectorAll("[data-format]")) {
    button.addEventListener("click", () => press(button.dataset.format));
  }
  field.addEventListener("keydown", (event) => {
    const kind = KEYS[event.key.toLowerCase()];
    if (!kind || event.shiftKey || event.altKey || event.ctrlKey === event.metaKey) return;
    event.preventDefault();
    press(kind);
  });
}
