// Images, videos and audio files in the composer: pasted, dropped or chosen, uploaded one after the
// other of its kind, and inserted where they were added, without disturbing the typing.
//
// An upload that cannot reach the server keeps its file and its position, and is retried by hand or
// when the network is back. A refused upload leaves the text unchanged.

import { apart, image, outside, placeholder, withOption } from "../composer/markdown.js";
import { withoutPlaceholders } from "../composer/markdown.js";
import { firstFrame } from "./posters.js";
import { shrunk } from "./shrink.js";
import { isTemporary, sendInParts, sendPicture } from "./transfers.js";
import { select, tell, type } from "../composer/typing.js";

const KIND = /^(image|video|audio)\//;

const form = document.querySelector("[data-composer]");
if (form) pictures();

function pictures() {
  const { body: field } = form.elements;
  const box = form.querySelector("[data-pictures]");
  const { dataset } = box;
  const accepted = {
    largest: Number(dataset.largest), // bytes
    types: dataset.types.split(" "),
    longestSide: Number(dataset.longestSide), // px
  };
  const describe = {
    image: dataset.describe,
    video: dataset.describeVideo,
    audio: dataset.describeAudio,
  };
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [list, template, chooser] = [find("uploads"), find("upload"), find("file")];
  const sending = form.querySelector("[data-sending]");
  const uploads = new Set(); // unfinished ones
  const busy = new Set(); // lanes in which a file is being sent
  let [number, composing, touched] = [0, false, false];

  // If the page was left during an upload, its file is lost.
  if (withoutPlaceholders(field.value) !== field.value) change(withoutPlaceholders(field.value));

  // The text

  function change(value) {
    field.value = value;
    tell(field);
  }

  /** Replace a part of the text; the caret keeps its position. */
  function swap(from, to) {
    const at = field.value.indexOf(from);
    if (at === -1) return -1;
    const { scrollTop } = field;
    field.setRangeText(to, at, at + from.length, "preserve");
    field.scrollTop = scrollTop;
    tell(field);
    return at;
  }

  // The uploads

  function add(files) {
    tell(field); // clears the message about the last write
    for (const file of files) {
      const name = file.name || dataset.name;
      const upload = { file, name, line: template.content.firstElementChild.cloneNode(true) };
      list.append(upload.line);
      upload.line.querySelector("[data-name]").textContent = name;
      const [again, drop] = upload.line.querySelectorAll("button");
      again.addEventListener("click", () => retry(upload));
      drop.addEventListener("click", () => remove(upload));
      // A file without a type may still be an image.
      upload.kind = file.type ? KIND.exec(file.type)?.[1] : "image";
      upload.lane = upload.kind === "image" ? "pictures" : "recordings";
      if (upload.kind) begin(upload);
      else refuse(upload, dataset.sayKind);
    }
    next();
  }

  function begin(upload) {
    number += 1;
    upload.mark = placeholder(dataset.sayUploading.replace("{name}", () => upload.name), number);
    const at = outside(field.value, field.selectionEnd);
    upload.block = apart(field.value, at, upload.mark);
    type(field, at, at, upload.block);
    touched = false;
    uploads.add(upload);
    show(upload, "waiting", dataset.sayWaiting);
  }

  /** Send the next waiting upload. Pictures do not wait for a film: it has a lane of its own. */
  async function next() {
    const isNext = ({ line, lane }) => line.dataset.state === "waiting" && !busy.has(lane);
    const upload = [...uploads].find(isNext);
    if (!upload) return;
    busy.add(upload.lane);
    show(upload, "sending", dataset.saySending);
    next();
    await (upload.lane === "pictures" ? nextPicture(upload) : nextRecording(upload));
    busy.delete(upload.lane);
    next();
  }

  async function nextPicture(upload) {
    upload.small ??= await shrunk(upload.file, accepted);
    if (upload.small) {
      const [address, progress] = [dataset.images, progressOf(upload)];
      const answer = await sendPicture(upload, address, upload.small, upload.name, progress);
      if (uploads.has(upload)) answered(upload, answer);
    } else {
      const { size } = upload.file;
      giveUp(upload, size > accepted.largest ? dataset.sayLarge : dataset.sayKind);
    }
  }

  async function nextRecording(upload) {
    if (upload.file.size > Number(dataset.largestRecording)) {
      giveUp(upload, dataset.sayLargeRecording);
      return;
    }
    upload.frame ??= upload.kind === "video" ? firstFrame(upload.file) : null;
    const answer = await sendInParts(upload, dataset.recordings, progressOf(upload));
    const { body } = answer;
    const frame = body?.kind === "video" && (await upload.frame);
    if (frame) {
      // Without a poster the video shows its first frame.
      const poster = await sendPicture(upload, dataset.images, frame, "poster.jpg", () => {});
      if (poster.status === 201) {
        body.address = withOption(body.address, "poster", poster.body.address);
      }
    }
    if (body?.kind) upload.kind = body.kind;
    if (uploads.has(upload)) answered(upload, answer);
  }

  function progressOf({ line }) {
    const progress = line.querySelector("progress");
    return (part) => (progress.value = part);
  }

  function answered(upload, { status, body }) {
    // Larger files are not sent, so this is the limit for requests without a session.
    if (status === 413 && !body) status = 401;
    if (body?.type === "image" || body?.type === "recording") {
      whenQuiet(() => finish(upload, body));
    } else if (isTemporary(status)) {
      show(upload, "lost", status === 401 ? dataset.sayLogin : dataset.sayLost);
      if (status === 401) form.querySelector("[data-login]").hidden = false;
    } else {
      giveUp(upload, body?.message || dataset.sayRefused);
    }
  }

  function giveUp(upload, why) {
    whenQuiet(() => {
      if (uploads.has(upload)) takeBack(upload);
      refuse(upload, why);
    });
  }

  /** Insert the image, and select its description if the writer has not moved on. */
  function finish(upload, { address, moved }) {
    if (!uploads.delete(upload)) return;
    const words = describe[upload.kind];
    const at = swap(upload.mark, image(words, address));
    const waited = [field, document.body, chooser].includes(document.activeElement) && !touched;
    if (at !== -1 && waited) {
      select(field, at + 2, at + 2 + words.length);
      touched = true; // of several images, select the first description only
    }
    if (moved) show(upload, "still", dataset.sayStill);
    else upload.line.remove();
    settled();
  }

  function refuse(upload, why) {
    uploads.delete(upload);
    show(upload, "refused", why);
    settled();
  }

  function retry(upload) {
    show(upload, "waiting", dataset.sayWaiting);
    if (!field.value.includes(upload.mark)) {
      uploads.delete(upload);
      begin(upload); // its placeholder was deleted: insert it at the caret
    }
    next();
  }

  function remove(upload) {
    upload.stopped = true;
    upload.request?.abort();
    if (uploads.delete(upload)) takeBack(upload);
    upload.line.remove();
    settled();
    field.focus();
  }

  function takeBack({ block, mark }) {
    if (swap(block, "") === -1) swap(mark, "");
  }

  function show({ line }, state, why) {
    line.dataset.state = state;
    line.querySelector("[data-why]").textContent = why;
    line.querySelector("progress").hidden = state !== "sending";
    const [again, drop] = line.querySelectorAll("button");
    again.hidden = state !== "lost";
    const over = state === "refused" || state === "still";
    drop.textContent = drop.dataset[over ? "dismiss" : "remove"];
  }

  /** Clear a message about unfinished uploads. */
  function settled() {
    if (!uploads.size && sending.dataset.said === "image") sending.textContent = "";
  }

  // A change of the text would interrupt an input method (IME).

  const quiet = [];

  function whenQuiet(action) {
    if (composing) quiet.push(action);
    else action();
  }

  field.addEventListener("compositionstart", () => (composing = true));
  field.addEventListener("compositionend", () => {
    composing = false;
    setTimeout(() => !composing && quiet.splice(0).forEach((action) => action()));
  });
  for (const name of ["keydown", "pointerdown", "paste", "drop"]) {
    field.addEventListener(name, () => (touched = true));
  }

  // Input

  const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");

  field.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    // Office programs add an image of the text to the text.
    const pasted = [...files].filter(({ type }) => KIND.test(type));
    if (!pasted.length || types.includes("text/plain")) return;
    event.preventDefault();
    add(pasted);
  });
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault(); // or the browser would open the file
    field.toggleAttribute("data-dropping", form.contains(event.target));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) field.removeAttribute("data-dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    field.removeAttribute("data-dropping");
    if (form.contains(event.target)) add(event.dataTransfer.files);
  });
  find("add").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    add(chooser.files);
    chooser.value = "";
  });
  addEventListener("online", () => {
    for (const upload of uploads) if (upload.line.dataset.state === "lost") retry(upload);
  });
  addEventListener("beforeunload", (event) => uploads.size && event.preventDefault());

  // Block publishing until uploads are complete. Captures, to run before the handlers of the form.

  function hold(event, publishing) {
    if (!uploads.size) {
      const clean = withoutPlaceholders(field.value); // undo restores them
      if (clean !== field.value) change(clean);
    }
    const words = Object.values(describe).find((text) => field.value.includes(`![${text}](`));
    const undescribed = publishing && words ? field.value.indexOf(`![${words}](`) : -1;
    if (!uploads.size && undescribed === -1) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    sending.dataset.said = "image";
    const say = words === describe.image ? dataset.sayDescribe : dataset.sayDescribeRecording;
    sending.textContent = uploads.size ? dataset.sayBusy : say;
    sending.scrollIntoView({ block: "nearest" });
    if (uploads.size) return;
    select(field, undescribed + 2, undescribed + 2 + words.length);
  }

  const draft = ({ submitter }) => submitter?.value === "draft";
  form.addEventListener("submit", (event) => hold(event, !draft(event)), { capture: true });

  find("tools").hidden = false;
}
