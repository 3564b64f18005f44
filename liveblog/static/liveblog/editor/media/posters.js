// The poster of a video: a frame of the file, or a picture cut to the video's shape.

const AT = 1; // s; films often begin with a black frame
const LONGEST_SIDE = 1600; // px, as the server stores pictures
const QUALITY = 0.85;
const WITHIN = 10_000; // ms until the file is given up

/** A frame of a video file as a picture, or null where this browser cannot show it. */
export async function firstFrame(file) {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  try {
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: address });
    await happens(video, "loadeddata");
    const { duration } = video;
    const time = Number.isFinite(duration) ? Math.min(AT, duration / 2) : AT;
    video.currentTime = time;
    await happens(video, "seeked");
    return await drawn(video, video.videoWidth, video.videoHeight, 0);
  } catch {
    return null;
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(address);
  }
}

/** The middle of a picture in the shape of a video of width × height, or null. */
export async function cutPoster(file, width, height) {
  try {
    const pixels = await createImageBitmap(file);
    return await drawn(pixels, pixels.width, pixels.height, width / height);
  } catch {
    return null; // not an image, or too large for this device
  }
}

function happens(video, event) {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, resolve, { once: true });
    video.addEventListener("error", reject, { once: true });
    setTimeout(reject, WITHIN);
  });
}

function drawn(source, width, height, shape) {
  const cut = { width: width || 1, height: height || 1 };
  if (shape > width / height) cut.height = width / shape;
  else if (shape) cut.width = height * shape;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(cut.width, cut.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(cut.width * scale));
  canvas.height = Math.max(1, Math.round(cut.height * scale));
  const [x, y] = [(width - cut.width) / 2, (height - cut.height) / 2];
  const context = canvas.getContext("2d");
  context.drawImage(source, x, y, cut.width, cut.height, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}
