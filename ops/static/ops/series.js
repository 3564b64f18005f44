// Turns samples into points of charts. Pure: no DOM, no socket, no clock.

const LEAST_SPAN = 60; // s that a chart shows on a page that has just been opened

/**
 * The state without samples. `span`: the seconds that a chart shows; `last`: the newest sample;
 * `points`: chart -> [{time, value}]; `growth`: process -> {published, deliveries, drops} as it
 * published last, and `rate` {deliveries, drops} per second up to then, or null.
 */
export function begin(span) {
  const points = { sockets: [], deliveries: [], age: [], drops: [] };
  return { span, last: null, growth: {}, points };
}

/** The state after a sample. */
export function add(state, sample) {
  const growth = Object.fromEntries(
    Object.entries(sample.processes).map(([name, now]) => [name, grown(state.growth[name], now)]),
  );
  const rates = Object.values(growth).flatMap(({ rate }) => rate ?? []);
  const total = (name) => (rates.length ? rates.reduce((all, rate) => all + rate[name], 0) : null);
  const values = {
    sockets: sum(sample.processes, "sockets"),
    age: Math.max(0, ...Object.values(sample.queues).map((queue) => queue.age)),
    deliveries: total("deliveries"),
    drops: total("drops"),
  };
  const points = {};
  for (const [name, value] of Object.entries(values)) {
    const kept = state.points[name].filter(({ time }) => time > sample.time - state.span);
    points[name] = value === null ? kept : [...kept, { time: sample.time, value }];
  }
  return { ...state, last: sample, growth, points };
}

function sum(processes, name) {
  return Object.values(processes).reduce((total, process) => total + process[name], 0);
}

/**
 * The growth of a process's counters after it published `now`. Samples are more frequent than
 * publications: in between, the rate stays. A counter that decreased was restarted.
 */
function grown(before, now) {
  if (!before) return { ...now, rate: null };
  const seconds = now.published - before.published;
  if (seconds <= 0) return before;
  const each = (name) => Math.max(0, now[name] - before[name]) / seconds;
  return { ...now, rate: { deliveries: each("deliveries"), drops: each("drops") } };
}

/** The `d` of an SVG path through the points, in a box of this width and height. */
export function path(points, width, height) {
  if (points.length === 0) return "";
  const end = points.at(-1).time;
  const span = Math.max(LEAST_SPAN, end - points[0].time);
  const most = Math.max(1e-9, ...points.map(({ value }) => value));
  return points
    .map(({ time, value }, index) => {
      const x = width * (1 - (end - time) / span);
      const y = height - 2 - (height - 4) * (value / most);
      return `${index ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join("");
}
