// Samples in, points out: no DOM, no socket, no clock of this machine.

export const SPAN = 600; // s that a chart shows

/** Nothing known yet. `last`: the newest sample; `points`: chart -> [{time, value}]. */
export function begin() {
  return { last: null, points: { sockets: [], deliveries: [], age: [], drops: [] } };
}

/** The state after a sample. Counters that a restart has set back count from zero. */
export function add(state, sample) {
  const values = {
    sockets: sum(sample.processes, "sockets"),
    age: Math.max(0, ...Object.values(sample.queues).map((queue) => queue.age)),
    deliveries: rate(state.last, sample, "deliveries"),
    drops: rate(state.last, sample, "drops"),
  };
  const points = {};
  for (const [name, value] of Object.entries(values)) {
    const kept = state.points[name].filter(({ time }) => time > sample.time - SPAN);
    points[name] = value === null ? kept : [...kept, { time: sample.time, value }];
  }
  return { last: sample, points };
}

function sum(processes, name) {
  return Object.values(processes).reduce((total, process) => total + process[name], 0);
}

/** Growth a second, process by process; null without an earlier sample. */
function rate(last, sample, name) {
  const seconds = last ? sample.time - last.time : 0;
  if (seconds <= 0) return null;
  let grown = 0;
  for (const [process, counters] of Object.entries(sample.processes)) {
    const before = last.processes[process]?.[name] ?? 0;
    // A process that is seen for the first time may be older than this page.
    if (process in last.processes) grown += Math.max(0, counters[name] - before);
  }
  return grown / seconds;
}

/** The `d` of an SVG path through the points, in a box of this width and height. */
export function path(points, width, height) {
  if (points.length === 0) return "";
  const end = points.at(-1).time;
  const most = Math.max(1e-9, ...points.map(({ value }) => value));
  return points
    .map(({ time, value }, index) => {
      const x = width * (1 - (end - time) / SPAN);
      const y = height - 2 - (height - 4) * (value / most);
      return `${index ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join("");
}
