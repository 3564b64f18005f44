// What the composer's buttons and uploads do to the text.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  apart,
  captioned,
  format,
  image,
  outside,
  pictureAt,
  placeholder,
  shownBy,
  withOption,
  withoutPlaceholders,
} from "../../liveblog/static/liveblog/editor/composer/markdown.js";

/** Press a button on a text in which `|` stands at both ends of the selection, or at the caret. */
function press(kind, marked) {
  const start = marked.indexOf("|");
  const end = Math.max(start, marked.lastIndexOf("|") - 1);
  const value = marked.replaceAll("|", "");
  const made = format(kind, value, start, end);
  const after = value.slice(0, made.start) + made.text + value.slice(made.end);
  const bar = made.from === made.to ? "|" : `|${after.slice(made.from, made.to)}|`;
  return after.slice(0, made.from) + bar + after.slice(made.to);
}

describe("hostile text", () => {
  const longest = 20_000;
  for (const unit of ["![", "[", "[](", "[a](", "[]((", "![](#uploading-1", "\n"]) {
    test(`${JSON.stringify(unit)} does not stop the editor's page`, () => {
      const text = unit.repeat(longest / unit.length);
      let best = Infinity; // of several: the machine may be busy
      for (let run = 0; run < 5; run += 1) {
        const begun = performance.now();
        outside(text, text.length - 1);
        withoutPlaceholders(text);
        best = Math.min(best, performance.now() - begun);
      }
      assert.ok(best < 50, `${best} ms`);
    });
  }

  test("an address with parentheses is not cut in two", () => {
    const text = "[Eagle](https://example.org/Eagle_(lander)) landed";
    assert.equal(outside(text, 20), text.indexOf(" landed"));
  });
});

describe("a placeholder", () => {
  test("stands apart from the text around it, with no empty line too many", () => {
    for (const [text, result] of [
      ["|", "X"],
      ["a|", "a\n\nX"],
      ["|b", "X\n\nb"],
      ["a|b", "a\n\nX\n\nb"],
      ["a\n|b", "a\n\nX\n\nb"],
      ["a\n\n|\n\nb", "a\n\nX\n\nb"],
      ["a\n\n|\n", "a\n\nX\n\n"],
    ]) {
      const at = text.indexOf("|");
      const value = text.replace("|", "");
      const made = value.slice(0, at) + apart(value, at, "X") + value.slice(at);
      assert.equal(made, result, text);
    }
  });

  test("does not cut an image or a link in two", () => {
    const text = "see [this](https://example.org) and\n\n![that](/media/a.webp)";
    const [link, picture] = [text.indexOf(" and"), text.length];
    for (const [at, expected] of [
      [4, 4],
      [7, link],
      [link - 1, link],
      [link, link],
      [picture - 20, picture],
      [picture, picture],
    ]) {
      assert.equal(outside(text, at), expected);
    }
  });

  test("is found again whatever the file is called, and leaves the text whole", () => {
    for (const name of ["a.jpg", "a](b).jpg", "[x](y)\n.png", "照片.heic"]) {
      const mark = placeholder(`Uploading ${name}…`, 7);
      assert.equal(withoutPlaceholders(mark), "");
      assert.equal(withoutPlaceholders(`a\n\n${mark}`), "a");
      assert.equal(withoutPlaceholders(`${mark}\n\nb`), "b");
      assert.equal(withoutPlaceholders(`a\n\n${mark}\n\n${mark}\n\nb`), "a\n\nb");
    }
  });

  test("is no picture, and no picture is one", () => {
    const text = `a ${image("b", "/media/c.webp")} [d](#uploading-1)`;
    assert.equal(withoutPlaceholders(text), text);
  });
});

describe("a button", () => {
  test("makes what is selected bold or italic, and plain again", () => {
    assert.equal(press("bold", "a |b| c"), "a **|b|** c");
    assert.equal(press("bold", "a **|b|** c"), "a |b| c");
    assert.equal(press("italic", "a |b| c"), "a *|b|* c");
    assert.equal(press("italic", "*|b|*"), "|b|");
    assert.equal(press("italic", "**|b|**"), "***|b|***");
    assert.equal(press("bold", "|"), "**|**");
  });

  test("makes a link of a text or of an address", () => {
    assert.equal(press("link", "see |here|"), "see [here](|https://|)");
    assert.equal(press("link", "|https://example.org/a|"), "[|](https://example.org/a)");
    assert.equal(press("link", "|"), "[](|https://|)");
  });

  test("quotes whole lines, and no longer", () => {
    assert.equal(press("quote", "a\nb|c\nd"), "a\n> bc|\nd");
    assert.equal(press("quote", "a\n> bc|\nd"), "a\nbc|\nd");
    assert.equal(press("quote", "x\na|b\nc|d\ny"), "x\n|> ab\n> cd|\ny");
    assert.equal(press("quote", "|a\n|b"), "> a|\nb");
    assert.equal(press("quote", "|"), "> |");
  });
});

describe("the picture at the caret", () => {
  const text = 'a ![The \\[big\\] one](/b.webp "Say \\"no\\" | Jo") c';
  const end = text.length - 2;

  test("is found with its fields, at its edges too", () => {
    const found = pictureAt(text, 5);
    const fields = { alt: "The [big] one", address: "/b.webp", caption: 'Say "no"', credit: "Jo" };
    assert.deepEqual(found, { start: 2, end, ...fields });
    assert.deepEqual(pictureAt(text, 2), found);
    assert.deepEqual(pictureAt(text, end), found);
    for (const at of [0, 1, end + 1]) assert.equal(pictureAt(text, at), null);
    assert.equal(pictureAt(placeholder("Uploading", 1), 3), null);
  });

  test("is written as it was read", () => {
    assert.equal(captioned(pictureAt(text, 5)), text.slice(2, end));
    const bare = pictureAt("![](/b.webp)", 1);
    assert.equal(captioned(bare), "![](/b.webp)");
    for (const [caption, credit] of [["A", ""], ["", "B"], ["A", "B"], ["A \\ C", 'D"']]) {
      const made = captioned({ ...bare, caption, credit });
      const { caption: one, credit: two } = pictureAt(made, 1);
      assert.deepEqual([one, two], [caption, credit]);
    }
  });
});

describe("a recording", () => {
  const name = `/media/recordings/${"a".repeat(32)}`;

  test("is known by its address", () => {
    assert.deepEqual(shownBy(`${name}-640x360.mp4`), { kind: "video", width: 640, height: 360 });
    assert.equal(shownBy(`${name}-640x360.webm#poster=/p.webp`).kind, "video");
    assert.equal(shownBy(`${name}.mp3`).kind, "audio");
    for (const other of ["", `/media/images/${"a".repeat(32)}-640x360.webp`, `https://x${name}.mp3`]) {
      assert.equal(shownBy(other).kind, "image");
    }
  });

  test("gets each option once", () => {
    const one = withOption(`${name}.mp4`, "poster", "/p.webp");
    assert.equal(one, `${name}.mp4#poster=/p.webp`);
    const two = withOption(one, "captions", "/c.vtt");
    assert.equal(withOption(two, "poster", "/q.webp"), `${name}.mp4#captions=/c.vtt&poster=/q.webp`);
  });
});
