// The difference of two texts, word by word, as liveblog/editing/text_diff.py makes it. Pure.

// A word with the blanks before it; in scripts without blanks between words, each character.
const WORD = /\s*(?:[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s])|\s+/gu;
// Words of one text times those of the other. The table below has as many entries; beyond that the
// part that differs is shown as replaced.
export const MOST = 1_000_000;

/** The parts of both texts in reading order: {kind: "same", "gone" or "new", text}. */
export function difference(before, after) {
  const [old, now] = [before, after].map((text) => text.match(WORD) ?? []);
  const start = common(old, now);
  const rest = Math.min(old.length, now.length) - start;
  const end = Math.min(rest, common(old.toReversed(), now.toReversed()));
  const parts = [
    ...old.slice(0, start).map((text) => ({ kind: "same", text })),
    ...between(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...old.slice(old.length - end).map((text) => ({ kind: "same", text })),
  ];
  return joined(parts);
}

/** The length of the common beginning. */
function common(a, b) {
  const at = a.findIndex((word, index) => word !== b[index]);
  return at === -1 ? Math.min(a.length, b.length) : at;
}

function between(old, now) {
  if (old.length * now.length > MOST) return replaced(old, now);
  // length[i][j]: of the longest common subsequence of old[i..] and now[j..]
  const width = now.length + 1;
  const length = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const at = i * width + j;
      const both = old[i] === now[j];
      length[at] = both ? length[at + width + 1] + 1 : Math.max(length[at + width], length[at + 1]);
    }
  }
  const parts = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    const at = i * width + j;
    if (old[i] === now[j]) {
      parts.push({ kind: "same", text: old[i] });
      i += 1;
      j += 1;
    } else if (length[at + width] >= length[at + 1]) {
      parts.push({ kind: "gone", text: old[i] });
      i += 1;
    } else {
      parts.push({ kind: "new", text: now[j] });
      j += 1;
    }
  }
  return [...parts, ...replaced(old.slice(i), now.slice(j))];
}

function replaced(old, now) {
  return [
    ...old.map((text) => ({ kind: "gone", text })),
    ...now.map((text) => ({ kind: "new", text })),
  ];
}

/** Neighbours of one kind as one part; between two words that are the same, first what is gone. */
function joined(parts) {
  const found = [];
  let [gone, made] = ["", ""];
  const flush = () => {
    if (gone) found.push({ kind: "gone", text: gone });
    if (made) found.push({ kind: "new", text: made });
    [gone, made] = ["", ""];
  };
  for (const { kind, text } of parts) {
    if (kind === "gone") gone += text;
    else if (kind === "new") made += text;
    else {
      flush();
      if (found.at(-1)?.kind === "same") found.at(-1).text += text;
      else found.push({ kind, text });
    }
  }
  flush();
  return found;
}
