"""The fault matrix as plain values: what can fail, how, for how long, and which cells make sense.

A cell is one dependency, one fault and one duration. tests/chaos/faults produces each pair of
dependency and fault; `NOT_TRIED` gives the reason why a pair is left out. A test compares the two.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Dependency(StrEnum):
    REDIS = "redis"
    SHARD_1 = "shard-1"
    SHARD_2 = "shard-2"
    MASTER = "sentinel-master"
    POSTGRES = "postgresql"
    SQLITE = "sqlite-lock"
    DISK = "disk"
    SMTP = "smtp"
    WEBHOOK = "webhook"
    WORKER = "worker"
    WORKERS = "workers"
    INTERFACE = "interface"
    PULSE = "pulse"
    TERMINAL = "terminal"
    LINE = "line"
    READER = "reader"
    CLOCK = "clock"


class Fault(StrEnum):
    KILLED = "killed"
    RESTARTED = "restarted"
    FROZEN = "frozen"
    UNREACHABLE = "unreachable"
    SLOW = "slow"
    GARBAGE = "garbage"
    FULL = "full"
    EMPTIED = "emptied"
    EVICTING = "evicting"
    AHEAD = "ahead"
    BACK = "back"
    STALE = "stale"


class Group(StrEnum):
    """A product that is started once and shared by the cells of several dependencies."""

    SINGLE = "single"  # one Redis, SQLite
    SHARDS = "shards"  # two Redis servers, PostgreSQL
    SENTINEL = "sentinel"  # a Redis with a replica behind a Sentinel, SQLite


GROUPS: dict[Group, tuple[Dependency, ...]] = {
    Group.SINGLE: (
        Dependency.REDIS,
        Dependency.SQLITE,
        Dependency.DISK,
        Dependency.SMTP,
        Dependency.WEBHOOK,
        Dependency.WORKER,
        Dependency.WORKERS,
        Dependency.INTERFACE,
        Dependency.PULSE,
        Dependency.TERMINAL,
        Dependency.LINE,
        Dependency.READER,
        Dependency.CLOCK,
    ),
    Group.SHARDS: (Dependency.SHARD_1, Dependency.SHARD_2, Dependency.POSTGRES),
    Group.SENTINEL: (Dependency.MASTER,),
}
# Faults of the line and the reader occur on the client side, so they can be combined with a fault
# of any other dependency.
CLIENT_SIDE = (Dependency.LINE, Dependency.READER)

DURATIONS = (1.0, 10.0, 60.0)  # s
NIGHTLY = (*DURATIONS, 150.0)  # s; longer than every timeout of the product


@dataclass(frozen=True, order=True)
class Cell:
    """`duration` in seconds."""

    dependency: Dependency
    fault: Fault
    duration: float

    def __str__(self) -> str:
        return f"{self.dependency}/{self.fault}/{self.duration:g}"

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The inverse of str(). Raises ValueError."""
        dependency, fault, duration = text.split("/")
        return cls(Dependency(dependency), Fault(fault), float(duration))

    @property
    def group(self) -> Group:
        return next(group for group, members in GROUPS.items() if self.dependency in members)

    def matches(self, pattern: str) -> bool:
        """Whether `redis`, `redis/killed`, `*/frozen/60` or the like matches this cell."""
        wanted = pattern.split("/")
        own = str(self).split("/")
        return all(fnmatchcase(part, want) for part, want in zip(own, wanted, strict=False))


REDIS_LIKE = (Dependency.REDIS, Dependency.SHARD_1, Dependency.SHARD_2, Dependency.MASTER)
PROCESSES = (Dependency.WORKER, Dependency.WORKERS, Dependency.INTERFACE, Dependency.PULSE)
PEERS = (Dependency.SMTP, Dependency.WEBHOOK)  # servers of others, one connection per message

NO_NETWORK = "runs on the product's host; no network lies between"
NO_STORE = "stores nothing that could be lost"
NO_DATA = "sends nothing that the product would parse"
NO_CLOCK = "the clock is a dependency of its own"
NOT_A_PAGE = "a fault of pages in caches alone"
SAME_AS_KILLED = "the same as killed, with an orderly goodbye"
UNBOUNDED = "has no bound of its own that could be reached"
TRUTH = "the database is the truth: what it loses, nobody can restore"
NOT_A_PROCESS = "is not a process"


def _reasons() -> dict[tuple[Dependency, Fault], str]:
    """Why a pair does not exist, for every pair that does not."""
    found: dict[tuple[Dependency, Fault], str] = {}

    def leave_out(dependencies: Iterable[Dependency], faults: Iterable[Fault], reason: str) -> None:
        for dependency in dependencies:
            for fault in faults:
                found.setdefault((dependency, fault), reason)

    others = [d for d in Dependency if d is not Dependency.CLOCK]
    leave_out(others, (Fault.AHEAD, Fault.BACK), NO_CLOCK)
    leave_out((d for d in Dependency if d is not Dependency.READER), (Fault.STALE,), NOT_A_PAGE)
    leave_out((Dependency.CLOCK,), Fault, "a clock can only be wrong")
    for fault in (Fault.AHEAD, Fault.BACK):
        del found[Dependency.CLOCK, fault]
    leave_out((*REDIS_LIKE, Dependency.POSTGRES, *PEERS), (Fault.RESTARTED,), SAME_AS_KILLED)
    leave_out((Dependency.POSTGRES,), (Fault.EMPTIED, Fault.EVICTING), TRUTH)
    leave_out(PEERS, (Fault.EMPTIED, Fault.EVICTING), NO_STORE)
    leave_out(PEERS, (Fault.FULL,), "a server that refuses is covered by garbage")
    locals_ = (*PROCESSES, Dependency.TERMINAL)
    leave_out(locals_, (Fault.UNREACHABLE,), NO_NETWORK)
    leave_out(locals_, (Fault.GARBAGE,), NO_DATA)
    leave_out(locals_, (Fault.EMPTIED, Fault.EVICTING), NO_STORE)
    leave_out(PROCESSES, (Fault.FULL,), "its queue is in Redis: redis/full")
    leave_out((Dependency.TERMINAL,), (Fault.FULL,), "a full pipe is a frozen terminal")
    leave_out((Dependency.TERMINAL,), (Fault.RESTARTED,), SAME_AS_KILLED)
    files = (Dependency.SQLITE, Dependency.DISK)
    leave_out(files, (Fault.KILLED, Fault.RESTARTED), NOT_A_PROCESS)
    leave_out(files, (Fault.UNREACHABLE,), NO_NETWORK)
    leave_out(files, (Fault.EMPTIED, Fault.EVICTING, Fault.GARBAGE), TRUTH)
    leave_out((Dependency.SQLITE,), (Fault.FULL,), "disk/full")
    leave_out(
        (Dependency.DISK,),
        (Fault.FROZEN, Fault.SLOW),
        "a frozen file system leaves processes that cannot be killed; "
        "sqlite-lock/frozen and sqlite-lock/slow wait at the same place",
    )
    leave_out((Dependency.LINE,), (Fault.RESTARTED,), SAME_AS_KILLED)
    leave_out((Dependency.LINE,), (Fault.FULL,), "a full line is line/slow")
    leave_out((Dependency.LINE,), (Fault.EMPTIED, Fault.EVICTING), NO_STORE)
    leave_out((Dependency.READER,), (Fault.KILLED, Fault.RESTARTED), "to the product, line/killed")
    leave_out((Dependency.READER,), (Fault.UNREACHABLE, Fault.GARBAGE), "belongs to the line")
    leave_out((Dependency.READER,), (Fault.FULL,), "a full reader is reader/slow")
    leave_out((Dependency.READER,), (Fault.EMPTIED, Fault.EVICTING), NO_STORE)
    return found


NOT_TRIED = _reasons()
PAIRS = tuple((d, f) for d in Dependency for f in Fault if (d, f) not in NOT_TRIED)


def matrix(durations: Sequence[float], only: Sequence[str] = ()) -> list[Cell]:
    """Every cell, group by group, shortest first; `only` are patterns for Cell.matches()."""
    order = [member for members in GROUPS.values() for member in members]
    cells = [Cell(d, f, duration) for d, f in PAIRS for duration in sorted(durations)]
    cells.sort(key=lambda cell: order.index(cell.dependency))
    return [cell for cell in cells if not only or any(cell.matches(p) for p in only)]


def diagonal() -> list[tuple[Cell, ...]]:
    """A short run that has every dependency and every fault; a test checks that.

    To save time, faults of a line or a reader happen at the same time as another one.
    """
    return [tuple(Cell.parse(name) for name in line.split(" + ")) for line in DIAGONAL]


DIAGONAL = (
    # single
    "redis/killed/1 + line/killed/3",
    "redis/frozen/3 + reader/stale/1",
    "redis/unreachable/3",
    "redis/full/1",
    "redis/emptied/1 + reader/slow/4",
    "redis/evicting/1",
    "sqlite-lock/frozen/4 + line/slow/4",
    "disk/full/1",
    "smtp/frozen/1 + line/garbage/3",
    "webhook/killed/1 + line/unreachable/1",
    "worker/frozen/3",
    "workers/killed/1 + line/unreachable/5",
    "workers/restarted/1 + line/frozen/5",
    "interface/killed/1 + reader/frozen/1",
    "interface/restarted/1",
    "pulse/killed/1",
    "terminal/frozen/2",
    "clock/ahead/1",
    "clock/back/1",
    # shards
    "shard-1/unreachable/3",
    "shard-2/garbage/1",
    "postgresql/frozen/2",
    "postgresql/full/1",
    # sentinel
    "sentinel-master/killed/8",
)


def draw(seed: int, budget: float, cells: Sequence[Cell], recovery: float = 8.0) -> list[Cell]:
    """Random cells that take `budget` seconds together, in their original order.

    Args:
        recovery: The seconds that a cell takes in addition to its fault.
    """
    generator = random.Random(seed)
    chosen: set[Cell] = set()
    for cell in generator.sample(cells, len(cells)):
        budget -= cell.duration + recovery
        if budget < 0:
            break
        chosen.add(cell)
    return [cell for cell in cells if cell in chosen]
