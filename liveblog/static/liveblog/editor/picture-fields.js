// Fields for the picture at the caret: its description, caption and credit, which are part of the
// Markdown. They are shown while the caret is in a picture.

import { captioned, pictureAt } from "./markdown.js";
import { tell } from "./typing.js";

const NAMES = ["alt", "caption", "credit"];

const form = document.querySelector("[data-composer]");
if (form) fields(form.elements.body, form.querySelector("[data-picture-fields]"));

function fields(text, box) {
  const inputs = NAMES.map((name) => box.querySelector(`[data-picture-${name}]`));
  let found = null;

  function follow() {
    if (box.contains(document.activeElement)) return;
    found = pictureAt(text.value, text.selectionStart);
    box.hidden = !found;
    // What stands for a description that is still to be written is none.
    const { describe } = form.querySelector("[data-pictures]").dataset;
    NAMES.forEach((name, place) => {
      const value = found?.[name] ?? "";
      inputs[place].value = value === describe ? "" : value;
    });
  }

  function write() {
    if (!found || pictureAt(text.value, found.start)?.address !== found.address) return;
    NAMES.forEach((name, place) => (found[name] = inputs[place].value));
    const { scrollTop } = text;
    const end = pictureAt(text.value, found.start).end;
    text.setRangeText(captioned(found), found.start, end, "preserve");
    text.scrollTop = scrollTop;
    tell(text);
  }

  document.addEventListener("selectionchange", () => {
    if (document.activeElement === text) follow();
  });
  text.addEventListener("input", follow);
  form.addEventListener("filled", follow);
  for (const input of inputs) {
    input.addEventListener("input", (event) => {
      event.stopPropagation(); // they are no fields of the update
      write();
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
      event.preventDefault(); // no submit
      text.focus();
    });
  }
}
