// Fields for the picture, video or audio at the caret: its description, caption and credit, which are
// part of the Markdown. They are shown while the caret is in it.

import { captioned, pictureAt, shownBy } from "../composer/markdown.js";
import { tell } from "../composer/typing.js";
import { videoOptions } from "./video-options.js";

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
    const { kind } = shownBy(found?.address ?? "");
    for (const part of box.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== kind;
    // What stands for a description that is still to be written is none.
    const { dataset } = form.querySelector("[data-pictures]");
    const todo = [dataset.describe, dataset.describeVideo, dataset.describeAudio];
    NAMES.forEach((name, place) => {
      const value = found?.[name] ?? "";
      inputs[place].value = todo.includes(value) ? "" : value;
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

  videoOptions(
    text,
    box.querySelector(".video-options"),
    () => found,
    (from, to) => {
      if (found?.address === from) found.address = to;
    },
  );

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
