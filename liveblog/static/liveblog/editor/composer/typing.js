// The formatting buttons, their shortcuts, and text input by scripts.

import { format } from "./markdown.js";

const KEYS = { b: "bold", i: "italic", k: "link" }; // with Ctrl, or Command on a Mac

const form = document.querySelector("[data-composer]");
if (form) buttons(form.elements.body);

/** Replace a part of the text like typing, so that it can be undone. */
export function type(field, start, end, text) {
  field.focus();
  field.setSelectionRange(start, end);
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, start, end, "end");
  tell(field);
}

/** Select a part of the text, and scroll it into view, which browsers do not. */
export function select(field, start, end) {
  field.focus();
  field.setSelectionRange(start, end);
  const twin = field.cloneNode(); // as high as the text up to there
  twin.removeAttribute("id");
  Object.assign(twin.style, { position: "absolute", height: 0, minHeight: 0, visibility: "hidden" });
  twin.style.width = `${field.offsetWidth}px`;
  twin.value = field.value.slice(0, end);
  field.after(twin);
  const bottom = twin.scrollHeight;
  twin.remove();
  const { clientHeight, scrollTop } = field;
  const isInView = bottom <= scrollTop + clientHeight && bottom > scrollTop + clientHeight / 4;
  if (!isInView) field.scrollTop = bottom - clientHeight / 2;
}

/** Fire an input event, which changes by scripts do not. */
export function tell(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function buttons(field) {
  function press(kind) {
    const { value, selectionStart, selectionEnd } = field;
    const { start, end, text, from, to } = format(kind, value, selectionStart, selectionEnd);
    type(field, start, end, text);
    select(field, from, to);
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
