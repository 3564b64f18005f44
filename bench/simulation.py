"""How many interface hosts a crowd needs: by arithmetic, and by a simulation that checks it.

    .venv/bin/python -m bench.simulation

The costs are those that the benchmark measured on two cores; docs/scaling.md explains the plan.
"""

import heapq
import random
from dataclasses import dataclass

DELIVERY = 10.2e-6  # s of an interface process's CPU for one frame to one of 10,000 (`crowd`)
ON_THE_WAY = 5.5e-3  # s from the worker's send to the first socket (`broadcast`, at 1,000 readers)
HANDSHAKE_INTERFACE = 0.3e-3  # s of an interface process's CPU (`handshake`)
HANDSHAKE_WORKER = 0.35e-3  # s of a worker's CPU and Redis's (`handshake`)
SOCKET_KIB = 13  # 6.4 in the interface server (`memory`), as much again in the kernel
PROCESS_SOCKETS = 10_000  # that one process is planned for; a broadcast then takes 0.1 s
CORES_BUSY = 0.5  # the part of a core that is planned for: the rest is for bursts


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


def plan(crowd: Crowd, cores: int = 8) -> Plan:
    """By arithmetic. A host has `cores`, of which all but two run interface processes."""
    processes = max(1, -(-crowd.readers // PROCESS_SOCKETS))
    handshakes = crowd.readers / crowd.stay
    each = crowd.readers / processes
    utilisation = each * (crowd.posts * DELIVERY + HANDSHAKE_INTERFACE / crowd.stay)
    return Plan(
        processes=processes,
        hosts=-(-processes // (cores - 2)),
        workers=max(2, -int(-handshakes * HANDSHAKE_WORKER // CORES_BUSY)),
        memory_gib=crowd.readers * SOCKET_KIB / (1 << 20),
        utilisation=utilisation,
        redis_entries=crowd.posts * processes + 3 * handshakes,
        handshakes=handshakes,
    )


@dataclass(frozen=True)
class Seen:
    utilisation: float
    median_ms: float  # until the last reader of a post has it
    worst_ms: float
    posts: int


def simulate(crowd: Crowd, processes: int, seconds: float = 600.0, seed: int = 7) -> Seen:
    """One interface process as it works through posts and handshakes, one after the other.

    Both come at random. The processes share nothing, so the slowest of all is drawn by simulating
    a few of them; a post is with its last reader when the slowest process has written it.
    """
    chance = random.Random(seed)
    each = crowd.readers / processes
    posts = arrivals(chance, crowd.posts, seconds)
    slowest = [0.0] * len(posts)
    used = 0.0
    drawn = min(processes, 8)
    for _ in range(drawn):
        handshakes = arrivals(chance, each / crowd.stay, seconds)
        work = heapq.merge(
            ((at, HANDSHAKE_INTERFACE, None) for at in handshakes),
            ((at, each * DELIVERY, number) for number, at in enumerate(posts)),
        )
        free = 0.0
        for at, cost, post in work:
            free = max(free, at) + cost
            used += cost
            if post is not None:
                slowest[post] = max(slowest[post], free - at + ON_THE_WAY)
    slowest.sort()
    return Seen(
        utilisation=used / seconds / drawn,
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


def table() -> str:
    """The plan as docs/scaling.md has it."""
    rows = [HEADER]
    for readers in READERS:
        crowd = Crowd(readers)
        wanted = plan(crowd)
        seen = simulate(crowd, wanted.processes)
        rows.append(
            f"| {readers:,} | {wanted.processes:,} | {wanted.hosts:,} | {wanted.workers} |"
            f" {wanted.memory_gib:.1f} GiB | {wanted.handshakes:,.0f} |"
            f" {wanted.redis_entries:,.0f} | {100 * wanted.utilisation:.1f} % |"
            f" {100 * seen.utilisation:.1f} % | {seen.median_ms:.0f} ms |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
