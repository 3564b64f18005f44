"""Memory and file descriptors of processes, and whether they are back where they were."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

# A connection to the database or Redis more, a thread's wake-up pipe, a request under way.
DESCRIPTORS = 12
# Python's and Redis's allocators keep some of what they have had at once.
MEGABYTES = 32.0
SHARE = 0.3


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
    """What a process uses; None where it is gone."""
    with suppress(OSError, TypeError):  # gone, or a zombie without memory
        status = Path(f"/proc/{pid}/status").read_text()
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])  # type: ignore[index]
        return Usage(len(list(Path(f"/proc/{pid}/fd").iterdir())), round(resident / 1024, 1))
    return None


def measure(pids: Mapping[str, int]) -> dict[str, Usage]:
    """What each process uses, by its name."""
    return {name: found for name, pid in pids.items() if (found := usage(pid))}


def grown(
    before: Mapping[str, Usage], look: Callable[[], dict[str, Usage]], patience: float
) -> tuple[dict[str, Usage], list[str]]:
    """(usage now, a sentence for each process that has not come back within `patience` s)."""
    deadline = time.monotonic() + patience
    while True:
        now = look()
        over = [
            f"{name} uses {asdict(now[name])}, before {asdict(before[name])}"
            for name in now.keys() & before.keys()
            if not now[name].within(before[name])
        ]
        if not over or time.monotonic() > deadline:
            return now, sorted(over)
        time.sleep(0.5)
