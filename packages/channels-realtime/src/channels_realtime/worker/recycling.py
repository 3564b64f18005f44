"""When a worker ends to be replaced: after a number of messages, or above a memory limit.

It then ends as on SIGTERM, and its supervisor starts another. So the leaks of a consumer or a
library do not add up.
"""

import logging
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger("django.channels")

JITTER = 0.2  # each process draws its limits from the upper fifth: not all of them end at once
CHECK = 1.0  # s between two looks at the memory, which take some 10 µs
STATM = Path("/proc/self/statm")  # proc(5)


@dataclass(frozen=True)
class Limits:
    """0: no limit."""

    messages: int = 0
    memory: int = 0  # MiB, resident


class Recycling:
    """Counts the messages of one process, and calls `stop` once when a limit is reached."""

    def __init__(self, limits: Limits, stop: Callable[[], None]) -> None:
        share = random.uniform(1 - JITTER, 1)
        self.most_messages = max(1, round(share * limits.messages)) if limits.messages else 0
        self.most_memory = share * limits.memory
        self.stop = stop
        self.messages = 0
        self.next_check = 0.0
        self.is_over = False

    def count(self, now: float) -> None:
        """A message has been handled. `now`: the monotonic clock."""
        self.messages += 1
        if self.most_messages and self.messages >= self.most_messages:
            self.end(f"{self.messages} messages")
        elif now >= self.next_check:
            self.next_check = now + CHECK
            self.check_memory()

    def check_memory(self) -> None:
        """From any thread. Also called while no message comes, or one takes long."""
        if self.most_memory and (memory := resident_memory()) >= self.most_memory:
            self.end(f"{memory:.0f} MiB of memory")

    def end(self, reason: str) -> None:
        if not self.is_over:
            self.is_over = True
            logger.info("This worker ends to be replaced: it has reached %s", reason)
            self.stop()


def can_measure_memory() -> bool:
    return STATM.exists()


def resident_memory() -> float:
    """Of this process, in MiB."""
    pages = int(STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
