"""Memory and file descriptors of processes, and whether they have returned to normal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.waiting import wait_until

# One more connection to the database or Redis, a thread's wake-up pipe, a request in progress.
DESCRIPTORS = 12
# The allocators of Python and Redis keep some of their peak memory.
MEGABYTES = 32.0
SHARE = 0.3
LOOK_EVERY = 0.5  # s; each look asks supervisord


@dataclass(frozen=True)
class Usage:
    descriptors: int
    megabytes: float  # resident

    def at_least(self, other: Usage | None) -> Usage:
        """The larger of both."""
        if other is None:
            return self
        return Usage(max(self.descriptors, other.descriptors), max(self.megabytes, other.megabytes))

    def within(self, before: Usage) -> bool:
        most = before.megabytes + max(MEGABYTES, SHARE * before.megabytes)
        return self.descriptors <= before.descriptors + DESCRIPTORS and self.megabytes <= most


def usage(pid: int) -> Usage | None:
    """The usage of a process; None if it has ended."""
    with suppress(OSError, TypeError):  # ended, or a zombie without memory
        status = Path(f"/proc/{pid}/status").read_text()
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])  # type: ignore[index]
        return Usage(len(list(Path(f"/proc/{pid}/fd").iterdir())), round(resident / 1024, 1))
    return None


def measure(pids: Mapping[str, int]) -> dict[str, Usage]:
    """The usage of each process, by name."""
    return {name: found for name, pid in pids.items() if (found := usage(pid))}


def grown(
    before: Mapping[str, Usage], look: Callable[[], dict[str, Usage]], patience: float
) -> tuple[dict[str, Usage], list[str]]:
    """(usage now, a sentence for each process that still uses more after `patience` s)."""
    now: dict[str, Usage] = {}
    over: list[str] = []

    def is_back() -> bool:
        nonlocal now, over
        now = look()
        over = sorted(
            f"{name} uses {asdict(now[name])}, before {asdict(before[name])}"
            for name in now.keys() & before.keys()
            if not now[name].within(before[name])
        )
        return not over

    with suppress(AssertionError):  # `over` says what was not reached
        wait_until(is_back, "the former usage", patience, poll=LOOK_EVERY)
    return now, over
