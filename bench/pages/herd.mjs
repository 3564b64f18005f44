// Readers who come back by the rule of their page. One JSON command a line on standard input, one
// JSON answer a line on standard output; times are seconds of the machine's monotonic clock.

import { createInterface } from "node:readline";

import { Reader } from "./reader.mjs";

const AT_ONCE = 100; // handshakes under way while the herd gathers
const LOOK = 10; // ms between two looks at whether all are back

const now = () => Number(process.hrtime.bigint()) / 1e9;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const herd = [];
let counts;

function tally(kind, name) {
  counts[kind][name] = (counts[kind][name] ?? 0) + 1;
}

class Sheep extends Reader {
  show({ status, code }) {
    if (status === "stopped") tally("stopped", code);
    // Polls bring what is new, too; only a socket brings it at once.
    if (status === "live" || status === "polling") this.fed ??= now();
    if (status === "live") this.live = now();
  }

  closed(code, refusal) {
    if (refusal) tally("refusals", refusal);
    else tally("closes", code);
  }

  polled(code) {
    tally("polls", code);
  }
}

function forget() {
  counts = { refusals: {}, closes: {}, polls: {}, stopped: {} };
  for (const sheep of herd) Object.assign(sheep, { fed: null, live: null });
}

const isLive = ({ state }) => state.status === "live";
const has = (sheep, revision) => isLive(sheep) && sheep.live && sheep.state.head >= revision;

const COMMANDS = {
  /** Open `count` readers who know nothing yet; answers with the revision that they then have. */
  async gather({ count, port, socket, updates, seconds }) {
    forget();
    const until = now() + seconds;
    const page = { socket, updates, begin: { revision: 0, pageSize: 50, pulse: 2000 } };
    let live = 0;
    while (live < count && now() < until) {
      for (let room = AT_ONCE - (herd.length - live); room > 0 && herd.length < count; room -= 1) {
        const sheep = new Sheep(port, page);
        herd.push(sheep);
        sheep.dispatch({ type: "start" });
      }
      await sleep(LOOK);
      live = herd.filter(isLive).length;
    }
    return { live, revision: Math.min(...herd.map((sheep) => sheep.state.head)), ...counts };
  },
  /** Forget what happened until now: it begins. */
  brace() {
    forget();
    return {};
  },
  /** Wait until all are live again and know this revision, or so many seconds. */
  async recover({ revision, seconds }) {
    const until = now() + seconds;
    while (now() < until && !herd.every((sheep) => has(sheep, revision))) await sleep(LOOK);
    const back = herd.filter((sheep) => has(sheep, revision));
    return {
      back: back.length,
      live: back.map((sheep) => sheep.live),
      fed: back.map((sheep) => sheep.fed),
      rows: back.map(({ state }) => [...state.rows.values()].map((row) => row.revision)),
      ...counts,
    };
  },
  scatter() {
    for (const sheep of herd.splice(0)) sheep.stop();
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: command, ...options } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await COMMANDS[command](options))}\n`);
}
process.exit(0);
