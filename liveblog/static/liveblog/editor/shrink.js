// A photograph that the server would not take, made one that it takes: by the browser, which can
// often read more kinds than the server does (HEIC of phones), and has the memory for it.

const QUALITY = 0.9;

/** The file itself where it will do, else a smaller one; null where that cannot be made. */
export async function shrunk(file, { largest, types, longestSide }) {
  if (file.size <= largest && types.includes(file.type)) return file;
  if (file.type === "image/svg+xml") return null; // a program, not a picture
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
      if (made && made.size <= largest) return made; // where WebP cannot be written, a PNG
    }
  } catch {
    // It is no picture, or more than this machine can hold.
  }
  return null;
}
