"""Admits handshakes, so many at a time that the answers come before their clients give up.

When thousands of readers reconnect at once, workers that had to answer all of them would answer
each after its page has given up and reconnected, and never catch up. So the rest waits here
unread, in order of arrival, and a client that hangs up meanwhile costs workers nothing.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from channels_realtime.interface.http_errors import BUSY, RETRY_AFTER, refusal
from channels_realtime.internals import has_hung_up
from channels_realtime.metrics.counters import Metrics

AT_ONCE = 200  # at the workers, who do some 1,500 a second: an answer takes 0.15 s at worst
MOST_WAITING = 4000  # workers answer them within 3 s
WAITING = 1 << 10  # bytes that a waiting handshake takes beside its data


class UnreadHandshake(NamedTuple):
    """A handshake as it was received: its header, and the bytes that came right behind it."""

    header: bytes
    rest: bytes

    def size(self) -> int:
        return WAITING + len(self.header) + len(self.rest)


class Waiting(NamedTuple):
    since: float  # by the monotonic clock
    transport: Any
    handshake: UnreadHandshake


class Admission:
    """Admits handshakes in order of arrival.

    Args:
        admit: begins a handshake; calls begun(), and done() once it is answered.
        patience: seconds that a handshake may wait, below 0 without end.
        memory: bytes that all waiting handshakes may take.
        metrics: counts the handshakes that are refused.
    """

    def __init__(
        self,
        admit: Callable[[Any, UnreadHandshake], None],
        patience: float,
        memory: int,
        metrics: Metrics,
    ) -> None:
        self.admit = admit
        self.patience = patience
        self.memory = memory
        self.metrics = metrics
        self.under_way: set[Hashable] = set()
        self.waiting: deque[Waiting] = deque()
        self.held = 0  # bytes of those that wait
        self.admitting = False

    def come(self, transport: Any, handshake: UnreadHandshake) -> None:
        """A handshake has arrived whole."""
        if not self.waiting and len(self.under_way) < AT_ONCE:
            self.let_in(transport, handshake)
        elif len(self.waiting) >= MOST_WAITING:
            self.refuse(transport, "too_many_handshakes")
        elif self.held + handshake.size() > self.memory:
            self.refuse(transport, "handshakes_full")
        else:
            transport.pauseProducing()
            self.waiting.append(Waiting(time.monotonic(), transport, handshake))
            self.held += handshake.size()

    def next(self) -> Waiting:
        """Take the first of those that wait."""
        first = self.waiting.popleft()
        self.held -= first.handshake.size()
        return first

    def let_in(self, transport: Any, handshake: UnreadHandshake) -> None:
        if has_hung_up(transport):
            self.metrics.drop("gone_before_handshake")
            transport.loseConnection()
        else:
            self.admit(transport, handshake)

    def begun(self, socket: Hashable) -> None:
        self.under_way.add(socket)

    def done(self, socket: Hashable) -> None:
        """Answered, refused or gone. Calling it again does nothing."""
        if socket in self.under_way:
            self.under_way.remove(socket)
            self.admit_next()

    def admit_next(self) -> None:
        if self.admitting:  # one was refused at once: the loop below goes on
            return
        self.admitting = True
        try:
            while self.waiting and len(self.under_way) < AT_ONCE:
                first = self.next()
                first.transport.resumeProducing()
                self.let_in(first.transport, first.handshake)
        finally:
            self.admitting = False

    def check_time(self, now: float) -> None:
        """Called every 2 s: refuses handshakes that have waited for longer than they may take."""
        while 0 <= self.patience and self.waiting and now - self.waiting[0].since > self.patience:
            self.refuse(self.next().transport, "handshake_timeout")

    def refuse_all(self) -> None:
        """The server goes down: the clients may try the next one."""
        while self.waiting:
            self.refuse(self.next().transport, "going_down")

    def refuse(self, transport: Any, reason: str) -> None:
        self.metrics.drop(reason)
        transport.write(refusal(503, BUSY, RETRY_AFTER))
        transport.loseConnection()
