"""How many interface hosts a crowd needs: by arithmetic, and by a simulation that checks it.

    .venv/bin/python -m bench.simulation            # prints the plan
    .venv/bin/python -m bench.simulation --write    # puts it into docs/scaling.md

The costs are those in bench/results/results.json; docs/scaling.md explains the plan.
"""

import heapq
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.report import OURS
from bench.results import FOLDER, RESULTS, Results

PROCESS_SOCKETS = 10_000  # that one process is planned for
CORES_BUSY = 0.5  # the part of a core that is planned for: the rest is for bursts
PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU, of an interface process where nothing else is said; memory in KiB."""

    delivery: float  # of one frame to one socket of a large crowd
    handshake: float
    handshake_elsewhere: float  # of workers and Redis
    idle: float  # per socket and second: pulses, pings
    socket_kib: float  # in user space and in the kernel
    on_the_way: float  # s from publishing to the first socket


def measured(results: Results) -> Costs:
    """The costs of the largest crowd that was measured.

    A run without the scenario `large-crowd` has no figure for an idle socket, nor for the kernel's
    memory, which then counts as much as the process's own.
    """

    def figure(scenario: str, metric: str) -> float:
        summary = results.summary(OURS, scenario, metric)
        if summary is None:
            raise ValueError(f"{RESULTS} has no {scenario}, {metric} of {OURS}")
        return summary.median

    first_reader = figure("broadcast", "last_reader") / 1e3
    first_reader -= results.about["plan"]["readers"] * figure("broadcast", "server_cpu") / 1e6
    on_the_way = max(0.0, first_reader)
    if results.summary(OURS, "large-crowd", "largest_delivery"):
        handshake = figure("large-crowd", "largest_handshake")
        kib = [figure("large-crowd", f"largest_{each}") for each in ("memory", "slab", "buffers")]
        return Costs(
            delivery=figure("large-crowd", "largest_delivery") / 1e6,
            handshake=handshake / 1e3,
            handshake_elsewhere=figure("large-crowd", "largest_stack_handshake") / 1e3
            - handshake / 1e3,
            idle=figure("large-crowd", "largest_idle") / 1e6,
            socket_kib=sum(kib),
            on_the_way=on_the_way,
        )
    handshake = figure("handshake", "server_cpu")
    return Costs(
        delivery=figure("crowd", "server_cpu") / 1e6,
        handshake=handshake / 1e3,
        handshake_elsewhere=(figure("handshake", "cpu") - handshake) / 1e3,
        idle=0.0,
        socket_kib=2 * figure("memory", "socket"),
        on_the_way=on_the_way,
    )


@dataclass(frozen=True)
class Crowd:
    """`readers` at once, who stay `stay` s each; `posts` per second in the blog they all read."""

    readers: int
    posts: float = 0.2
    stay: float = 600.0


@dataclass(frozen=True)
class Plan:
    processes: int
    hosts: int
    workers: int
    memory_gib: float
    utilisation: float  # of one interface process's core
    redis_entries: float  # per second
    handshakes: float  # per second


def plan(crowd: Crowd, costs: Costs, cores: int = 8) -> Plan:
    """By arithmetic. A host has `cores`, of which all but two run interface processes."""
    processes = max(1, -(-crowd.readers // PROCESS_SOCKETS))
    handshakes = crowd.readers / crowd.stay
    each = crowd.readers / processes
    per_socket = crowd.posts * costs.delivery + costs.handshake / crowd.stay + costs.idle
    return Plan(
        processes=processes,
        hosts=-(-processes // (cores - 2)),
        workers=max(2, -int(-handshakes * costs.handshake_elsewhere // CORES_BUSY)),
        memory_gib=crowd.readers * costs.socket_kib / (1 << 20),
        utilisation=each * per_socket,
        redis_entries=crowd.posts * processes + 3 * handshakes,
        handshakes=handshakes,
    )


@dataclass(frozen=True)
class Seen:
    utilisation: float
    median_ms: float  # until the last reader of a post has it
    worst_ms: float
    posts: int


def simulate(
    crowd: Crowd, processes: int, costs: Costs, seconds: float = 600.0, seed: int = 7
) -> Seen:
    """One interface process as it works through posts and handshakes, one after the other.

    Both come at random. Pulses and pings take their share of the core all the time, which makes
    everything else slower. The processes share nothing, so the slowest of all is drawn by
    simulating a few of them; a post is with its last reader when the slowest process has written
    it.
    """
    chance = random.Random(seed)
    each = crowd.readers / processes
    idle = each * costs.idle
    posts = arrivals(chance, crowd.posts, seconds)
    slowest = [0.0] * len(posts)
    used = 0.0
    drawn = min(processes, 8)
    for _ in range(drawn):
        handshakes = arrivals(chance, each / crowd.stay, seconds)
        work = heapq.merge(
            ((at, costs.handshake, None) for at in handshakes),
            ((at, each * costs.delivery, number) for number, at in enumerate(posts)),
        )
        free = 0.0
        for at, cost, post in work:
            free = max(free, at) + cost / (1 - idle)
            used += cost
            if post is not None:
                slowest[post] = max(slowest[post], free - at + costs.on_the_way)
    slowest.sort()
    return Seen(
        utilisation=used / seconds / drawn + idle,
        median_ms=1e3 * slowest[len(slowest) // 2],
        worst_ms=1e3 * slowest[-1],
        posts=len(posts),
    )


def arrivals(chance: random.Random, rate: float, seconds: float) -> list[float]:
    """Moments of a Poisson process of that many per second."""
    moments, now = [], chance.expovariate(rate)
    while now < seconds:
        moments.append(now)
        now += chance.expovariate(rate)
    return moments or [seconds / 2]


READERS = (10_000, 100_000, 1_000_000, 10_000_000)
HEADER = (
    "| readers | interface processes | hosts of 8 cores | workers | memory of sockets |"
    " handshakes/s | Redis entries/s | a process's core | simulated | last reader, median |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def table(costs: Costs) -> str:
    """The plan as docs/scaling.md has it."""
    rows = [HEADER]
    for readers in READERS:
        crowd = Crowd(readers)
        wanted = plan(crowd, costs)
        seen = simulate(crowd, wanted.processes, costs)
        rows.append(
            f"| {readers:,} | {wanted.processes:,} | {wanted.hosts:,} | {wanted.workers} |"
            f" {wanted.memory_gib:.1f} GiB | {wanted.handshakes:,.0f} |"
            f" {wanted.redis_entries:,.0f} | {100 * wanted.utilisation:.1f} % |"
            f" {100 * seen.utilisation:.1f} % | {seen.median_ms:.0f} ms |"
        )
    return "\n".join(rows)


def with_table(page: str, costs: Costs) -> str:
    """The text of docs/scaling.md with the plan that follows from the costs."""
    return replace_table(page, HEADER, table(costs))


def replace_table(page: str, header: str, table: str) -> str:
    """The page with this table in place of the one that has the header. Raises ValueError."""
    before, found, rest = page.partition(header)
    if not found:
        raise ValueError(f"docs/scaling.md has no table with the header {header.splitlines()[0]}")
    return before + table + "\n\n" + rest.partition("\n\n")[2]


if __name__ == "__main__":
    costs = measured(Results.load(FOLDER / RESULTS))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_table(PAGE.read_text(), costs))
    print(table(costs))
