// Edits of the Markdown by buttons and uploads. Pure: text in, text out.
//
// During an upload, a placeholder marks the position of the image. Its address is one that no image
// can have.

// Neither matches beyond the next "[" or "(", which keeps them linear.
const PLACEHOLDER = /(?:\n{0,2}!\[[^[\]]*\]\(#uploading-\d+\))+\n{0,2}/g;
const REFERENCE = /!?\[[^[\]\n]*\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)?\)/g;
const MARKS = { bold: "**", italic: "*" };
const ADDRESS = /^https?:\/\/\S+$/;

export const image = (alt, address) => `![${alt}](${address})`;

/** The placeholder for upload `number`; `text` is its description. */
export function placeholder(text, number) {
  return image(text.replace(/[[\]()\\*_`~|<>\n]/g, " "), `#uploading-${number}`);
}

// A picture: alternative text, address, title. Neither part goes beyond its line.
const PICTURE = /!\[((?:\\.|[^[\]\\\n]|\[[^[\]\n]*\])*)\]\(([^()\s]+)(?:[ \t]+"((?:\\.|[^"\\\n])*)")?\)/g;

/** The picture around a position: {start, end, alt, address, caption, credit}, or null. */
export function pictureAt(value, at) {
  for (const { 0: whole, 1: alt, 2: address, 3: title = "", index } of value.matchAll(PICTURE)) {
    const end = index + whole.length;
    if (index > at) return null;
    if (at > end || address.startsWith("#")) continue; // "#uploading-1" is no address yet
    const text = plain(title);
    const bar = text.includes("|") ? text.lastIndexOf("|") : text.length;
    const [caption, credit] = [text.slice(0, bar), text.slice(bar + 1)].map((part) => part.trim());
    return { start: index, end, alt: plain(alt), address, caption, credit };
  }
  return null;
}

/** The Markdown of a picture with caption and credit. */
export function captioned({ alt, address, caption, credit }) {
  const words = [caption.trim(), credit.trim()].map((text) => text.replaceAll("|", "¦"));
  const title = words[1] ? words.join(" | ").trim() : words[0];
  return `![${escaped(alt, /[\\[\]]/g)}](${address}${title && ` "${escaped(title, /[\\"]/g)}"`})`;
}

/** The address of a recording with an option behind its "#": a poster or captions. */
export function withOption(address, name, value) {
  const [path, fragment = ""] = address.split("#");
  const others = fragment.split("&").filter((part) => part && !part.startsWith(`${name}=`));
  return `${path}#${[...others, `${name}=${value}`].join("&")}`;
}

const RECORDING = /^\/media\/recordings\/[0-9a-f]+(?:-(\d+)x(\d+))?\.\w+(?:#|$)/;

/** What an address in the Markdown of a picture shows: its kind, and a video's size in pixels. */
export function shownBy(address) {
  const found = RECORDING.exec(address);
  if (!found) return { kind: "image" };
  const [width, height] = [Number(found[1]), Number(found[2])];
  return width ? { kind: "video", width, height } : { kind: "audio" };
}

const plain = (text) => text.replace(/\\([!-/:-@[-`{-~])/g, "$1");
const escaped = (text, letters) => text.replace(/\s+/g, " ").replace(letters, "\\$&");

/** `block` with the line breaks that separate it from the text around a position. */
export function apart(value, at, block) {
  const before = value.slice(0, at);
  const after = value.slice(at);
  return (
    (before && "\n".repeat(2 - Math.min(2, /\n*$/.exec(before)[0].length))) +
    block +
    (after && "\n".repeat(2 - Math.min(2, /^\n*/.exec(after)[0].length)))
  );
}

/** The position, or the end of the image or link around it. */
export function outside(value, at) {
  for (const { 0: whole, index } of value.matchAll(REFERENCE)) {
    if (index < at && at < index + whole.length) return index + whole.length;
  }
  return at;
}

/** The text without placeholders. */
export function withoutPlaceholders(value) {
  return value.replace(PLACEHOLDER, (found, at) =>
    at === 0 || at + found.length === value.length ? "" : "\n\n",
  );
}

/** The edit of a button: replace [start, end) by `text`, then select [from, to). */
export function format(kind, value, start, end) {
  if (kind === "quote") return quote(value, start, end);
  const selected = value.slice(start, end);
  if (kind === "link") return link(selected, start, end);
  const mark = MARKS[kind];
  const { length } = mark;
  const around = value.slice(start - length, start) + value.slice(end, end + length);
  const bare = value[start - length - 1] !== "*" && value[end + length] !== "*";
  if (start >= length && around === mark + mark && bare) {
    const from = start - length;
    return { start: from, end: end + length, text: selected, from, to: from + selected.length };
  }
  const from = start + length;
  return { start, end, text: mark + selected + mark, from, to: from + selected.length };
}

function link(selected, start, end) {
  if (ADDRESS.test(selected)) {
    return { start, end, text: `[](${selected})`, from: start + 1, to: start + 1 };
  }
  const from = start + selected.length + 3;
  const address = "https://";
  return { start, end, text: `[${selected}](${address})`, from, to: from + address.length };
}

/** Quote whole lines, or remove the quotation. */
function quote(value, start, end) {
  const first = value.lastIndexOf("\n", start - 1) + 1;
  const line = value.indexOf("\n", Math.max(first, end - (end > start && value[end - 1] === "\n")));
  const last = line === -1 ? value.length : line;
  const lines = value.slice(first, last).split("\n");
  const quoted = lines.every((text) => text.startsWith("> "));
  const text = lines.map((text) => (quoted ? text.slice(2) : `> ${text}`)).join("\n");
  const to = first + text.length;
  return { start: first, end: last, text, from: lines.length > 1 ? first : to, to };
}
