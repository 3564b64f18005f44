"""Bytes that connections hold in one kind of buffer, bounded in total."""

import logging
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from channels_realtime.internals import cut
from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.buffers")


class Holder(Protocol):
    """A connection."""

    transport: Any  # Twisted declares it by a zope interface, whose methods have no `self`


H = TypeVar("H", bound=Holder)


class Buffers(Generic[H]):
    """`limit` bytes in total; the connections that hold most are closed first.

    Connections report growth by add(), which costs next to nothing. What they really hold is
    measured only when the reports add up to a share of the limit, and every 2 s.

    Args:
        name: of the buffer, for the log; drops are counted as `<name>_full`.
        limit: bytes.
        measure: the bytes that a connection holds now.
        close: begins to close a connection, with the sentence or close code that suits it. One
            that still holds its bytes when the limit is reached is cut.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        measure: Callable[[H], int],
        close: Callable[[H], None],
        metrics: Metrics,
    ) -> None:
        self.name = name
        self.limit = limit
        self.measure = measure
        self.close = close
        self.metrics = metrics
        self.soft_limit = limit * 3 // 4  # from here on connections are closed
        self.target = limit // 2  # until those that stay hold this
        self.step = max(1, limit // 8)
        self.holders: set[H] = set()
        self.closed: set[H] = set()  # of the holders
        self.held = 0  # bytes: as measured last, and as reported since
        self.peak = 0  # the most that was held since memory was last returned to the system
        self.measure_at = self.soft_limit

    def add(self, holder: H, size: int) -> None:
        """The connection holds up to `size` bytes more."""
        self.holders.add(holder)
        self.held += size
        if self.held > self.measure_at:
            self.check()

    def remove(self, holder: H) -> None:
        """The connection has ended, and what it held is freed with it."""
        self.holders.discard(holder)
        self.closed.discard(holder)

    def check(self) -> None:
        """Measure what is held; close or cut connections where it is too much."""
        sizes = {holder: size for holder in self.holders if (size := self.measure(holder)) > 0}
        self.holders = set(sizes)
        self.closed &= self.holders
        self.held = sum(sizes.values())
        self.peak = max(self.peak, self.held)
        # Set before anything is closed: a close frame is a write, and reports itself.
        self.measure_at = self.held + self.limit
        if self.held > self.soft_limit:
            self.relieve(sizes)
        self.measure_at = min(self.limit, max(self.soft_limit, self.held + self.step))

    def relieve(self, sizes: dict[H, int]) -> None:
        """Close the biggest first, and cut them where the limit is reached all the same."""
        biggest = sorted(sizes, key=sizes.__getitem__, reverse=True)
        staying = sum(size for holder, size in sizes.items() if holder not in self.closed)
        closing = []
        for holder in biggest:
            if staying <= self.target:
                break
            if holder not in self.closed:
                staying -= sizes[holder]
                closing.append(holder)
        for holder in closing:
            self.closed.add(holder)
            self.metrics.drop(f"{self.name}_full")
            self.close(holder)
        held = {holder: self.measure(holder) for holder in biggest}
        self.held = sum(held.values())
        cuts = 0
        if self.held > self.limit:
            for holder in biggest:
                if self.held <= self.soft_limit:
                    break
                if holder in self.closed:
                    self.held -= held[holder]
                    self.holders.discard(holder)
                    self.closed.discard(holder)
                    cut(holder.transport)
                    cuts += 1
        if closing or cuts:
            logger.warning(
                "Buffers of %s reach their limit of %d bytes: closed %d connections, cut %d",
                self.name,
                self.limit,
                len(closing),
                cuts,
            )
