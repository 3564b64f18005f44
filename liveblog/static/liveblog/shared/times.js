// Shows every <time> of the page in the reader's time zone and language: relative within a day,
// else (and always in print) as time and date. That of an update is exact, with the relative time
// or the date below it. The title has the exact time. Elements that are
// added or changed later are included.
//
// The dot between time and date is a separate element, as in the server's HTML, so that the style
// sheet can hide it where the two are on separate lines.

import { put } from "./page.js";

const MINUTE = 60_000; // ms
const DAY = 24 * 60 * MINUTE;
const EVERY = 30_000; // ms; half of the shortest unit

const lang = document.documentElement.lang;
const ago = new Intl.RelativeTimeFormat(lang, { style: "short", numeric: "auto" });
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const HOUR = new Intl.DateTimeFormat(lang, clock);
const DATE = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" });

const DOT = " · ";

const paper = matchMedia("print");

/** The text for a time in ms. Updates from the future (slow clocks) are shown as a date. */
function words(moment, now, exact) {
  const age = now - moment;
  const far = paper.matches || age <= -MINUTE || age >= DAY;
  if (far) return date(moment, now);
  return exact ? HOUR.format(moment) + DOT + since(age) : since(age);
}

function since(age) {
  if (age < MINUTE) return ago.format(0, "second");
  if (age < 60 * MINUTE) return ago.format(-Math.floor(age / MINUTE), "minute");
  return ago.format(-Math.floor(age / (60 * MINUTE)), "hour");
}

function date(moment, now) {
  const sameYear = new Date(moment).getFullYear() === new Date(now).getFullYear();
  const day = (sameYear ? DATE : YEAR).format(moment).replaceAll(" ", "\u00a0");
  return HOUR.format(moment) + DOT + day;
}

function write(time) {
  const moment = Date.parse(time.dateTime);
  if (Number.isNaN(moment)) return;
  show(time, words(moment, Date.now(), time.matches(".permalink time")));
  const exact = EXACT.format(moment);
  if (time.title !== exact) time.title = exact;
}

function show(time, text) {
  if (time.textContent === text) return;
  const [hour, day] = text.split(DOT);
  if (day) {
    const dot = document.createElement("span");
    dot.className = "time-dot";
    dot.textContent = DOT;
    time.replaceChildren(hour, dot, day);
  } else if (time.firstElementChild) time.replaceChildren(text);
  else put(time, text);
}

function writeAll(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) write(time);
}

new MutationObserver((records) => {
  for (const { type, target, addedNodes } of records) {
    if (type === "attributes") write(target);
    for (const node of addedNodes) {
      if (node instanceof HTMLTimeElement) write(node);
      else if (node instanceof Element) writeAll(node);
    }
  }
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["datetime"] });

setInterval(() => document.hidden || writeAll(), EVERY);
document.addEventListener("visibilitychange", () => document.hidden || writeAll());
paper.addEventListener("change", () => writeAll());
writeAll();
