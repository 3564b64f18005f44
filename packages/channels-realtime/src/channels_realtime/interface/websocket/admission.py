"""Admission control for handshakes: workers get a limited number of them at a time.

When thousands of readers reconnect at once, workers that got all handshakes would answer each
after its page has given up and reconnected, and never catch up. So the rest waits here unread, in
order of arrival, and a client that hangs up meanwhile costs workers nothing.
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

Transport = Any  # Twisted declares it by a zope interface, whose methods have no `self`


class UnreadHandshake(NamedTuple):
    """A handshake as it was received: its header, and the bytes that came right behind it."""

    header: bytes
    rest: bytes

    def size(self) -> int:
        return WAITING + len(self.header) + len(self.rest)


class Waiting(NamedTuple):
    since: float  # by the monotonic clock
    transport: Transport
    handshake: UnreadHandshake


class Admission:
    """Admits handshakes in order of arrival.

    Args:
        admit: begins a handshake; calls started(), and finished() once it is answered.
        abandoned: called where a handshake is refused or its client gone before its turn.
        patience: seconds that a handshake may wait, below 0 without limit.
        memory: bytes that all waiting handshakes may take, with the replies that they share.
        metrics: counts the handshakes that are refused.
    """

    def __init__(
        self,
        admit: Callable[[Transport, UnreadHandshake], None],
        patience: float,
        memory: int,
        metrics: Metrics,
        abandoned: Callable[[Transport], None] = lambda transport: None,
    ) -> None:
        self.admit = admit
        self.abandoned = abandoned
        self.patience = patience
        self.memory = memory
        self.metrics = metrics
        self.under_way: set[Hashable] = set()
        self.waiting: deque[Waiting] = deque()
        self.held = 0  # bytes of those that wait, and of what Coalescing holds
        self.admitting = False
        self.is_ending = False

    def submit(self, transport: Transport, handshake: UnreadHandshake) -> None:
        """A handshake has arrived whole: admit it, queue it or refuse it."""
        if self.is_ending:
            self.refuse(transport, "going_down")
        elif not self.waiting and len(self.under_way) < AT_ONCE:
            self.begin(transport, handshake, 0.0)
        elif len(self.waiting) >= MOST_WAITING:
            self.refuse(transport, "too_many_handshakes")
        elif self.held + handshake.size() > self.memory:
            self.refuse(transport, "handshakes_full")
        else:
            transport.pauseProducing()
            self.waiting.append(Waiting(time.monotonic(), transport, handshake))
            self.held += handshake.size()

    def take_first(self) -> Waiting:
        """Remove the first of those that wait."""
        first = self.waiting.popleft()
        self.held -= first.handshake.size()
        return first

    def begin(self, transport: Transport, handshake: UnreadHandshake, waited: float) -> None:
        """Admit a handshake that has waited for so many seconds."""
        self.metrics.observe("admission", waited)
        if has_hung_up(transport):
            self.metrics.drop("gone_before_handshake")
            transport.loseConnection()
            self.abandoned(transport)
        else:
            self.admit(transport, handshake)

    def started(self, socket: Hashable) -> None:
        """Its connect message goes to the workers."""
        self.under_way.add(socket)

    def finished(self, socket: Hashable) -> None:
        """It is answered, refused or gone. Calling it again does nothing."""
        if socket in self.under_way:
            self.under_way.remove(socket)
            self.admit_waiting()

    def admit_waiting(self) -> None:
        if self.admitting:  # called from within the loop below, which goes on
            return
        self.admitting = True
        try:
            while self.waiting and len(self.under_way) < AT_ONCE:
                first = self.take_first()
                first.transport.resumeProducing()
                self.begin(first.transport, first.handshake, time.monotonic() - first.since)
        finally:
            self.admitting = False

    def restore(self, transport: Transport, since: float, handshake: UnreadHandshake) -> None:
        """Append one that waited in another process. Its transport does not read."""
        self.waiting.append(Waiting(since, transport, handshake))
        self.held += handshake.size()

    def check_time(self, now: float) -> None:
        """Called every 2 s: refuses handshakes that have waited for longer than `patience`."""
        while 0 <= self.patience and self.waiting and now - self.waiting[0].since > self.patience:
            self.refuse(self.take_first().transport, "handshake_timeout")

    def refuse_all(self) -> None:
        """The server shuts down: these clients, and those that still come, may try the next one."""
        self.is_ending = True
        while self.waiting:
            self.refuse(self.take_first().transport, "going_down")

    def refuse(self, transport: Transport, reason: str) -> None:
        self.metrics.drop(reason)
        transport.write(refusal(503, BUSY, RETRY_AFTER))
        transport.loseConnection()
        self.abandoned(transport)
