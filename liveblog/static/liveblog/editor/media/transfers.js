// Requests of uploads: one for a picture; many for a video or an audio file, which is sent in parts
// and continues where it was after a lost connection.

import { parsed, withToken } from "../writes/server.js";

const STALLED = 30_000; // ms without progress until a request is aborted
const PART = 1 << 20; // bytes
const PAUSES = [1, 2, 4, 8, 16]; // s before another attempt in a row
const LATER = new Set([0, 401, 408, 429]); // retryable, like all from 500

/** Whether a request with this status may succeed later. */
export const isTemporary = (status) => LATER.has(status) || (status >= 500 && status !== 507);

/**
 * The result of a request, {status, body}; status 0: no response. `upload.request` is the running
 * one. `progress` is called with the bytes that were sent.
 */
function call(upload, method, address, data, progress = () => {}) {
  const attempt = (token) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest(); // fetch() reports no upload progress
      let timer = 0;
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => request.abort(), STALLED);
      };
      upload.request = request;
      request.open(method, address);
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-CSRFToken", token);
      request.upload.addEventListener("progress", ({ loaded }) => {
        progress(loaded);
        alive();
      });
      request.addEventListener("loadend", () => {
        clearTimeout(timer);
        resolve({ status: request.status, body: parsed(request.responseText) });
      });
      request.send(data);
      alive();
    });
  return withToken(attempt);
}

/** Send a picture. `progress` is called with a number from 0 to 1. */
export function sendPicture(upload, address, file, name, progress) {
  const data = new FormData();
  data.set("image", file, name);
  return call(upload, "POST", address, data, (sent) => progress(Math.min(1, sent / file.size)));
}

/**
 * Send `upload.file` in parts. `upload.place`, once the server has named it, is where the upload is
 * and can be continued; `upload.stopped` ends it. The result is the last answer: of a complete file
 * its `recording` frame.
 */
export async function sendInParts(upload, address, progress) {
  const { file } = upload;
  let failures = 0;
  let offset = null; // what the server has; null: it has to be asked
  while (!upload.stopped) {
    const answer = await step();
    const { status, body } = answer;
    const goesOn = body?.type === "upload" || body?.code === "wrong_offset";
    if (body?.code === "unknown_upload" && upload.place) {
      upload.place = null; // a day is over: begin again
    } else if (goesOn) {
      // An offset that does not grow is an attempt that failed, too.
      failures = body.offset > offset || offset === null ? 0 : failures + 1;
      offset = body.offset;
      if (body.upload) upload.place = `${address}${body.upload}/`;
    } else if ((isTemporary(status) && status !== 401) || body?.code === "upload_busy") {
      failures += 1;
      offset = null;
    } else {
      return answer;
    }
    // Offline, uploads.js tries again when the network is back.
    if (failures > PAUSES.length || (failures && !navigator.onLine)) break;
    if (failures) await new Promise((resolve) => setTimeout(resolve, PAUSES[failures - 1] * 1000));
  }
  return { status: 0, body: null };

  function step() {
    if (!upload.place) return call(upload, "POST", address, new URLSearchParams({ size: file.size }));
    if (offset === null) return call(upload, "GET", upload.place);
    const part = file.slice(offset, offset + PART);
    const show = (sent) => progress((offset + Math.min(sent, part.size)) / file.size);
    return call(upload, "PUT", `${upload.place}?offset=${offset}`, part, show);
  }
}
