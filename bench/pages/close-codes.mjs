// What close codes ask of a client: the ranges of channels_realtime/close_codes.py.

import { readFileSync } from "node:fs";

const SOURCE = "packages/channels-realtime/src/channels_realtime/close_codes.py";
const text = readFileSync(new URL(`../../${SOURCE}`, import.meta.url), "utf8");
const constants = Object.fromEntries(
  [...text.matchAll(/^([A-Z_]+)(?:: Final)? = (\d+)/gm)].map(([, name, code]) => [name, Number(code)]),
);
const number = (value) => constants[value] ?? Number(value);

/** [first, last, duty], as the pages have them. */
export const RANGES = [...text.matchAll(/CloseCodeRange\((\w+), (\w+), Duty\.(\w+)\)/g)].map(
  ([, first, last, duty]) => [number(first), number(last), duty.toLowerCase()],
);

/** The event for a close with this code. */
export function closed(code) {
  const range = RANGES.find(([first, last]) => first <= code && code <= last);
  return { type: "close", duty: range?.[2] ?? "reconnect", code };
}
