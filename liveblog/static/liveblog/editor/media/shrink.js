// Converts an image that the server would refuse into one that it accepts. Browsers can read more
// formats (such as HEIC) and larger images.

const QUALITY = 0.9;

/** The file itself if the server accepts it, else a smaller one, or null if that is impossible. */
export async function shrunk(file, { largest, types, longestSide }) {
  if (file.size <= largest && types.includes(file.type)) return file;
  if (file.type === "image/svg+xml") return null; // may contain scripts
  try {
    const pixels = await createImageBitmap(file);
    const scale = Math.min(1, longestSide / Math.max(pixels.width, pixels.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(pixels.width * scale));
    canvas.height = Math.max(1, Math.round(pixels.height * scale));
    canvas.getContext("2d").drawImage(pixels, 0, 0, canvas.width, canvas.height);
    pixels.close();
    for (const kind of ["image/webp", "image/jpeg"]) {
      const made = await new Promise((resolve) => canvas.toBlob(resolve, kind, QUALITY));
      if (made && made.size <= largest) return made; // a PNG if WebP is not supported
    }
  } catch {
    // Not an image, or too large for this device.
  }
  return null;
}
