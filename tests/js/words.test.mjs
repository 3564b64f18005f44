// The difference of two texts that a conflict shows.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST, difference } from "../../liveblog/static/liveblog/editor/composer/words.js";

const shown = (before, after) =>
  difference(before, after)
    .map(({ kind, text }) => ({ same: text, gone: `[-${text}-]`, new: `[+${text}+]` })[kind])
    .join("");

test("words are compared with the blanks before them", () => {
  assert.equal(shown("The first text", "The second text"), "The[- first-][+ second+] text");
  assert.equal(shown("One\n\ntwo", "One\n\ntwo three"), "One\n\ntwo[+ three+]");
  assert.equal(shown("", "New"), "[+New+]");
  assert.equal(shown("Same", "Same"), "Same");
});

test("what is gone precedes what is new, however they alternate", () => {
  assert.equal(shown("a b c d", "a x c y"), "a[- b-][+ x+] c[- d-][+ y+]");
  assert.equal(shown("their text", "my own text"), "[-their-][+my own+] text");
});

test("scripts without blanks are compared by character", () => {
  assert.equal(shown("登月直播", "登月重播"), "登月[-直-][+重+]播");
  assert.equal(shown("Живой блог", "Живой сайт"), "Живой[- блог-][+ сайт+]");
});

test("each text can be read from the parts", () => {
  const texts = ["a b b c  d\n", "b a c, d e", "b b b", "", " a"];
  for (const before of texts) {
    for (const after of texts) {
      const parts = difference(before, after);
      const without = (other) =>
        parts.filter(({ kind }) => kind !== other).map(({ text }) => text).join("");
      assert.equal(without("new"), before);
      assert.equal(without("gone"), after);
    }
  }
});

test("two texts too long to compare are shown as replaced, at once", () => {
  const many = (word) => `${word} `.repeat(Math.ceil(Math.sqrt(MOST)) + 1);
  const parts = difference(`Same ${many("a")}end`, `Same ${many("b")}end`);
  assert.deepEqual(parts.map(({ kind }) => kind), ["same", "gone", "new", "same"]);
});
