"""What each thread of a worker is handling, in memory that another process can read.

The memory is a file without a name, of doubles in the machine's byte order:

    the last sign of life, then for each thread: since when it handles a message (0: it waits for
    one), the number of the message's channel, the thread's ident

Times are those of the monotonic clock in seconds, which does not count while the machine sleeps.
faulthandler appends the stacks behind the doubles when worker.watcher requests them.
"""

import mmap
import os
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from channels_realtime.metrics.counters import AtHand
from channels_realtime.worker.timeouts import ConsumerTimeouts

OTHER = "another channel"  # number 0: a channel that is not in the routing; only in tests
CELL = 8  # bytes
CELLS = 3  # per thread


@dataclass(frozen=True)
class WatchedChannel:
    """A channel that the worker listens to.

    Its messages may take `limit` seconds (0: any time). Those of an acknowledged one stay in Redis
    until they are handled, and go to another worker if this one dies.
    """

    name: str
    limit: float
    is_acknowledged: bool


class Slot:
    """One thread's part of the memory. begin() and end() take some 100 ns each and never raise."""

    def __init__(self, cells: "memoryview[float]", first: int, numbers: dict[str, int]) -> None:
        self.cells = cells
        self.since, self.channel, self.thread = range(first, first + CELLS)
        self.numbers = numbers

    def begin(self, channel: str, now: float) -> None:
        """The calling thread begins to handle a message. `now`: the monotonic clock."""
        self.cells[self.channel] = self.numbers.get(channel, 0)
        self.cells[self.since] = now

    def end(self) -> None:
        self.cells[self.since] = 0.0

    def claim(self) -> None:
        """The calling thread is the one whose messages these are."""
        self.cells[self.thread] = threading.get_ident()


def unwatched() -> Slot:
    """A slot of no shared memory, for a worker that is not watched."""
    return Slot(memoryview(bytearray(CELL * CELLS)).cast("d"), 0, {})


class Activity:
    """The memory of one worker process.

    `names`: the channels that it listens to; `acknowledged`: those of them that are.
    """

    def __init__(
        self,
        names: Sequence[str],
        threads: int,
        timeouts: ConsumerTimeouts,
        acknowledged: Collection[str] = (),
    ) -> None:
        self.channels = [
            WatchedChannel(name, timeouts.of(name), name in acknowledged)
            for name in (OTHER, *names)
        ]
        self.silence = timeouts.default  # s without a sign of life that are allowed; 0: any time
        self.descriptor = open_memory()
        size = CELL * (1 + CELLS * threads)
        os.ftruncate(self.descriptor, size)
        os.lseek(self.descriptor, size, os.SEEK_SET)  # where faulthandler begins to write
        self.cells = memoryview(mmap.mmap(self.descriptor, size)).cast("d")
        numbers = {channel.name: number for number, channel in enumerate(self.channels)}
        self.slots = [Slot(self.cells, 1 + CELLS * i, numbers) for i in range(threads)]
        self.beat()

    def beat(self) -> None:
        """A sign of life of the process."""
        self.cells[0] = time.monotonic()

    def at_hand(self) -> list[AtHand]:
        """The messages that are being handled, as far as they can be read without a lock."""
        return read_at_hand(self.cells.tolist(), self.channels, time.monotonic())

    def close(self) -> None:
        os.close(self.descriptor)  # the mapping stays as long as a slot refers to it


def read_at_hand(
    cells: Sequence[float], channels: Sequence[WatchedChannel], now: float
) -> list[AtHand]:
    """The messages that the memory's doubles describe; see the module's docstring."""
    found = []
    for first in range(1, len(cells), CELLS):
        since, number, thread = cells[first : first + CELLS]
        if since:
            channel = channels[int(number)]
            seconds = max(0.0, now - since)
            found.append(
                AtHand(channel.name, seconds, channel.limit, int(thread), channel.is_acknowledged)
            )
    return found


def open_memory() -> int:
    """A file descriptor of an empty file in memory, or where there is no such call, on disk."""
    if hasattr(os, "memfd_create"):  # Linux
        return os.memfd_create("realtime-activity")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
