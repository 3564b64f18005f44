// Every <time> of the page in the reader's own time zone and language: how long ago within a day,
// else date and time, on paper always; the exact moment as its title. What is added or changed
// later too.
//
// Between time and date the dot is an element of its own, as the server renders it: where the two
// stand on two lines it is not shown.

import { put } from "./page.js";

const MINUTE = 60_000; // ms
const DAY = 24 * 60 * MINUTE;
const EVERY = 30_000; // ms; half of what the shortest text counts

const lang = document.documentElement.lang;
const ago = new Intl.RelativeTimeFormat(lang, { style: "short", numeric: "auto" });
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const HOUR = new Intl.DateTimeFormat(lang, clock);
const DATE = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" });

const DOT = " · ";

const paper = matchMedia("print");

/** Of two times in ms. A slow clock makes a post one of the future: it is said by its own time. */
function words(moment, now) {
  const age = now - moment;
  const far = paper.matches || age <= -MINUTE || age >= DAY;
  return far ? date(moment, now) : since(age);
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
  show(time, words(moment, Date.now()));
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
