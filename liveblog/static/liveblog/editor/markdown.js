// What buttons and uploads do to the Markdown in the composer. Pure: text in, text out.
//
// While a picture is on its way, a placeholder stands in the text where it will be. Its address
// is one that no picture has, so that it is known for what it is wherever it turns up.

// Neither goes beyond the next "[" or "(": the time would grow with the square of the text.
const PLACEHOLDER = /(?:\n{0,2}!\[[^[\]]*\]\(#uploading-\d+\))+\n{0,2}/g;
const REFERENCE = /!?\[[^[\]\n]*\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)?\)/g;
const MARKS = { bold: "**", italic: "*" };
const ADDRESS = /^https?:\/\/\S+$/;

export const image = (alt, address) => `![${alt}](${address})`;

/** The placeholder for upload `number`; `text` says what is under way. */
export function placeholder(text, number) {
  return image(text.replace(/[[\]()\\*_`~|<>\n]/g, " "), `#uploading-${number}`);
}

/** `block` with the line ends that set it apart, to be put into the text at a position. */
export function apart(value, at, block) {
  const before = value.slice(0, at);
  const after = value.slice(at);
  return (
    (before && "\n".repeat(2 - Math.min(2, /\n*$/.exec(before)[0].length))) +
    block +
    (after && "\n".repeat(2 - Math.min(2, /^\n*/.exec(after)[0].length)))
  );
}

/** The position, or the end of the image or link that it lies within. */
export function outside(value, at) {
  for (const { 0: whole, index } of value.matchAll(REFERENCE)) {
    if (index < at && at < index + whole.length) return index + whole.length;
  }
  return at;
}

/** The text as it would be without any placeholder. */
export function withoutPlaceholders(value) {
  return value.replace(PLACEHOLDER, (found, at) =>
    at === 0 || at + found.length === value.length ? "" : "\n\n",
  );
}

/** What a button does: replace [start, end) by `text`, then select [from, to). */
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

/** Whole lines; what is a quotation already is none any more. */
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
