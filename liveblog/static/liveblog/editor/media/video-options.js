// Poster and captions of the video at the caret. They are part of its address in the Markdown.

import { captioned, pictureAt, shownBy, withOption } from "../composer/markdown.js";
import { cutPoster } from "./posters.js";
import { sendInParts, sendPicture } from "./transfers.js";
import { tell } from "../composer/typing.js";

/** `current()`: the video at the caret as pictureAt() finds it; `changed(from, to)`: addresses. */
export function videoOptions(text, box, current, changed) {
  const { dataset } = box;
  const { images, recordings } = document.querySelector("[data-pictures]").dataset;
  const status = box.querySelector("[role=status]");

  for (const button of box.querySelectorAll("[data-option]")) {
    const { option } = button.dataset;
    const chooser = box.querySelector(`[data-file-of=${option}]`);
    button.addEventListener("click", () => chooser.click());
    chooser.addEventListener("input", (event) => event.stopPropagation());
    chooser.addEventListener("change", async (event) => {
      event.stopPropagation(); // it is no field of the update
      const [file] = chooser.files;
      const { address } = current();
      chooser.value = "";
      status.textContent = dataset.saySending;
      status.textContent = await (option === "poster" ? addPoster : addCaptions)(address, file);
    });
  }

  async function addPoster(address, file) {
    const { width, height } = shownBy(address);
    const poster = await cutPoster(file, width, height);
    if (!poster) return dataset.sayKind;
    const { body } = await sendPicture({}, images, poster, "poster.jpg", () => {});
    return added(address, "poster", body?.type === "image", body);
  }

  async function addCaptions(address, file) {
    const { body } = await sendInParts({ file }, recordings, () => {});
    return added(address, "captions", body?.kind === "captions", body);
  }

  /** What to say about an answer. */
  function added(address, name, isRight, body) {
    if (!isRight) return body?.message ?? dataset.sayLost;
    const [path] = address.split("#");
    const found = pictureAt(text.value, text.value.indexOf(path));
    if (!found) return ""; // the video was deleted meanwhile
    const { scrollTop } = text;
    const changedTo = withOption(found.address, name, body.address);
    const markdown = captioned({ ...found, address: changedTo });
    text.setRangeText(markdown, found.start, found.end, "preserve");
    text.scrollTop = scrollTop;
    changed(found.address, changedTo);
    tell(text);
    return dataset.sayAdded;
  }
}
