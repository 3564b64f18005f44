// The operations page: requests samples and draws them.

import { openSocket, showState } from "../site/open-socket.js";
import { add, begin, path } from "./series.js";

const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "short",
  timeStyle: "medium",
});
const status = document.querySelector("[data-status]");
const charts = document.querySelector("[data-charts]");
let state = begin(Number(charts.dataset.span));

const socket = openSocket("/channel/ops/", {
  onFrame(frame) {
    if (frame.type !== "sample") return;
    state = add(state, frame);
    draw();
  },
  onState: (name, code) => showState(status, name, code),
});

setInterval(() => {
  if (!document.hidden) socket.send({ ask: "sample" });
}, Number(charts.dataset.every));

function draw() {
  for (const [name, points] of Object.entries(state.points)) {
    if (points.length === 0) continue;
    const chart = document.querySelector(`[data-chart="${name}"]`);
    const most = Math.max(...points.map(({ value }) => value));
    const shown = (value) => [number.format(value), chart.dataset.unit].filter(Boolean).join(" ");
    const range = chart.querySelector("[data-range]");
    chart.querySelector("[data-now]").textContent = shown(points.at(-1).value);
    range.textContent = range.dataset.most.replace("{n}", shown(most));
    chart.querySelector("[data-line]").setAttribute("d", path(points, 300, 80));
  }
  const processes = Object.entries(state.last.processes).sort(([a], [b]) => (a < b ? -1 : 1));
  fill(
    "[data-processes]",
    processes.map(([name, { sockets, deliveries, drops }]) => [
      name,
      ...[sockets, deliveries, drops].map((value) => number.format(value)),
    ]),
  );
  const letters = state.last.dead_letters;
  document.querySelector("[data-letters]").hidden = letters.number === 0;
  document.querySelector("[data-letters-number]").textContent = number.format(letters.number);
  fill(
    "[data-letters-rows]",
    letters.newest.map(({ channel, reason, time }) => [channel, reason, clock.format(1000 * time)]),
  );
}

/** Replace a table's rows. */
function fill(selector, rows) {
  document.querySelector(selector).replaceChildren(
    ...rows.map((texts) => {
      const row = document.createElement("tr");
      row.append(
        ...texts.map((text) => {
          const cell = document.createElement("td");
          cell.textContent = text;
          return cell;
        }),
      );
      return row;
    }),
  );
}
