// A message that passes, perhaps with a way to undo what it tells.

const SHOWN = 10_000; // ms; it stays while the pointer or the focus is on it

const toast = document.querySelector("[data-toast]");
const text = toast.querySelector("[data-toast-text]");
const undo = toast.querySelector("[data-undo]");
const close = toast.querySelector("[data-toast-close]");
let timer = 0;
let back = null; // what "Undo" does

/** Show the text; with `action`, a button does that. `stays`: it waits until it is closed. */
export function show(sentence, { action = null, stays = false } = {}) {
  clearTimeout(timer);
  back = action;
  toast.toggleAttribute("data-shown", Boolean(sentence)); // not hidden: it is a live region
  undo.hidden = !action;
  close.hidden = !sentence;
  text.textContent = sentence;
  if (!stays && sentence) timer = setTimeout(hide, SHOWN);
}

function hide() {
  if (toast.matches(":hover, :focus-within")) timer = setTimeout(hide, 1000);
  else show("");
}

/** Undo what the message tells of. Returns whether there was something. */
export function undoLast() {
  const action = back;
  if (!action) return false;
  if (toast.contains(document.activeElement)) document.activeElement.blur();
  show("");
  action();
  return true;
}

undo.addEventListener("click", undoLast);
close.addEventListener("click", () => show(""));
