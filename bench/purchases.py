"""What to buy for a million readers: arithmetic from the plan of bench.simulation.

.venv/bin/python -m bench.purchases            # prints the table
.venv/bin/python -m bench.purchases --write    # puts it into docs/scaling.md
"""

import math
import sys
from typing import NamedTuple

from bench.results import FOLDER, RESULTS, Results
from bench.simulation import (
    PAGE,
    PROCESS_SOCKETS,
    Costs,
    Crowd,
    measured,
    plan,
    replace_table,
    simulate,
)

READERS = 1_000_000
CORES = 8

# Bytes.
POST = 1200  # as in docs/scaling.md, What grows with what
COMPRESSED = 0.40  # of it on the wire, for a reader who has received posts before
FRAME = 4  # RFC 6455, section 5.2, up to 64 KiB
TLS = 22  # RFC 8446, section 5.2: record header, content type, AEAD's tag
TCP = 52  # IPv4 and TCP with time stamps (RFC 7323)
PULSE = 65  # {"type":"pulse","revision":41,"readers":1000000,"interval":16.0}
FIRST_PAGE = 45_000  # tests/liveblog/test_weight.py holds it
MEMBER = 40  # of a reader in Redis: 80,544 bytes for 2,000 in a process's set, Redis 7.0.15
ENTRY = 3_000  # of a post to one process and its replies, on Redis's network: 61,760 for 20 posts
# KiB of nginx for a socket over TLS: 48 of its own (Pss of nginx 1.22 with 800 sockets; 22 without
# TLS) and two sockets in the kernel.
NGINX = 58

PULSE_INTERVAL = 2.0  # s
READERS_PER_PULSE = 1400  # liveblog/stream/pulse.py: more of them get every n-th
PING_INTERVAL = 25.0  # s
BUDGET = 1 << 30  # MEMORY_BUDGET
FULL_CHANNELS = 4  # that clients can fill in Redis, an eighth of the budget each
WORKERS = 2  # of a host
CONNECTIONS = 10  # of a worker to PostgreSQL: docs/configuration.md
GBIT = 1e9 / 8
HOUR = 3600


class Purchase(NamedTuple):
    """A row of the table."""

    what: str
    amount: str
    formula: str


def on_the_wire(size: float) -> float:
    """Bytes that one message of a socket takes on the network."""
    return size + FRAME + TLS + TCP


def purchases(crowd: Crowd, costs: Costs) -> list[Purchase]:
    """What the plan for this crowd needs, with the formula of each figure."""
    wanted = plan(crowd, costs, CORES)
    seen = simulate(crowd, wanted.processes, costs)
    on_host = crowd.readers / wanted.hosts
    post = on_the_wire(COMPRESSED * POST)
    interval = PULSE_INTERVAL * math.ceil(PROCESS_SOCKETS / READERS_PER_PULSE)
    posts = crowd.readers * crowd.posts * post
    beats = crowd.readers * (on_the_wire(PULSE) / interval + on_the_wire(0) / PING_INTERVAL)
    peak = on_host * post / (seen.median_ms / 1e3)
    pages = wanted.handshakes * FIRST_PAGE
    memory = crowd.readers * MEMBER + FULL_CHANNELS * BUDGET // 8
    network = wanted.redis_entries * ENTRY
    processes = CORES - 2
    sockets = wanted.memory_gib / wanted.hosts
    nginx = on_host * NGINX / (1 << 20)
    return [
        Purchase(
            "hosts for interface servers, 8 cores",
            f"{wanted.hosts} and one spare",
            f"{wanted.processes} processes / {processes} per host",
        ),
        Purchase(
            "memory of a host, at most",
            f"{processes + sockets + nginx:.1f} GiB, and the workers'",
            f"{processes} × `MEMORY_BUDGET` + {sockets:.1f} GiB of sockets +"
            f" {on_host:,.0f} × {NGINX} KiB of nginx",
        ),
        Purchase(
            "balancer for TCP: connections",
            f"{crowd.readers:,}",
            "one per reader",
        ),
        Purchase(
            "new connections",
            f"{wanted.handshakes:,.0f}/s; {on_host:,.0f} when a host dies",
            f"readers / {crowd.stay:.0f} s; readers / hosts",
        ),
        Purchase(
            "egress of posts",
            f"{posts / GBIT:.2f} Gbit/s, {posts * HOUR / 1e9:,.0f} GB per hour",
            f"readers × {crowd.posts:g}/s ×"
            f" ({COMPRESSED:.2f} × {POST} + {FRAME + TLS + TCP}) bytes",
        ),
        Purchase(
            "egress of pulses and pings",
            f"{beats / GBIT:.2f} Gbit/s, {beats * HOUR / 1e9:,.0f} GB per hour",
            f"readers × ({on_the_wire(PULSE):.0f} bytes / {interval:.0f} s +"
            f" {on_the_wire(0):.0f} bytes / {PING_INTERVAL:.0f} s)",
        ),
        Purchase(
            "a host's network while a post is written",
            f"{peak / GBIT:.1f} Gbit/s",
            f"{on_host:,.0f} readers × {post:.0f} bytes / {seen.median_ms:.0f} ms",
        ),
        Purchase(
            "CDN for first pages",
            f"{pages / GBIT:.2f} Gbit/s, {pages * HOUR / 1e9:,.0f} GB per hour",
            f"{wanted.handshakes:,.0f}/s × {FIRST_PAGE // 1000} kB, at most",
        ),
        Purchase(
            "Redis, one primary with a replica",
            f"{memory / (1 << 30):.1f} GiB, {wanted.redis_entries:,.0f} entries/s,"
            f" {network / GBIT:.2f} Gbit/s",
            f"readers × {MEMBER} bytes + {FULL_CHANNELS} × `MEMORY_BUDGET` / 8;"
            f" entries × {ENTRY // 1000} kB",
        ),
        Purchase(
            "PostgreSQL, with a synchronous standby",
            f"{crowd.posts:g} writes/s, {wanted.hosts * WORKERS * CONNECTIONS} connections",
            f"posts; {CONNECTIONS} per worker × {WORKERS} × hosts",
        ),
    ]


HEADER = f"| for {READERS:,} readers | amount | from |\n|---|---|---|"


def table(costs: Costs) -> str:
    """The table as docs/scaling.md has it."""
    rows = purchases(Crowd(READERS), costs)
    return "\n".join([HEADER, *("| " + " | ".join(row) + " |" for row in rows)])


def with_table(page: str, costs: Costs) -> str:
    """The text of docs/scaling.md with the table that follows from the costs."""
    return replace_table(page, HEADER, table(costs))


if __name__ == "__main__":
    costs = measured(Results.load(FOLDER / RESULTS))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_table(PAGE.read_text(), costs))
    print(table(costs))
