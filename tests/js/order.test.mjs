// The order that a reader chose: which addresses lead to it, and that nothing of it can fail.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const script = new URL("../../liveblog/static/liveblog/reader/stream/order.js", import.meta.url);
const SOURCE = readFileSync(script, "utf8");

/** Opens a page in a browser that keeps `kept`; null forbids storage. */
function open({ search = "", hash = "", kept }) {
  const page = { led: null, kept, listeners: {} };
  const forbid = () => {
    throw new Error("SecurityError");
  };
  runInNewContext(SOURCE, {
    location: { search, hash, replace: (address) => (page.led = address) },
    addEventListener: (type, listener) => (page.listeners[type] = listener),
    localStorage: {
      getItem: (key) => (page.kept ? (page.kept[key] ?? null) : forbid()),
      setItem: (key, value) => (page.kept ? (page.kept[key] = value) : forbid()),
    },
  });
  page.choose = (order, type = "click") => {
    const link = { dataset: { orderChoice: order } };
    page.listeners[type]({ target: { closest: () => link } });
    return page;
  };
  return page;
}

test("a plain page is shown in the order that was chosen before", () => {
  const { kept } = open({ kept: {} }).choose("oldest");
  assert.equal(open({ kept }).led, "?order=oldest");
  assert.equal(open({ kept: open({ kept }).choose("newest", "auxclick").kept }).led, null);
});

test("an address that names an order, a page or a post is shown as it is", () => {
  const { kept } = open({ kept: {} }).choose("oldest");
  for (const search of ["?order=oldest", "?order=newest", "?before=7", "?lang=en"]) {
    assert.equal(open({ search, kept }).led, null, search);
  }
  assert.equal(open({ hash: "#update-7", kept }).led, null);
});

test("where storage is forbidden nothing is remembered and nothing fails", () => {
  assert.equal(open({ kept: null }).choose("oldest").led, null);
});
