"""The deadlines of all connections in a timer wheel: an idle connection costs nothing until it is
due.

Each connection is in at most one slot. Its deadline may move back without a call, as that of a
silent socket does whenever it sends something: check_time() then returns the later one.
"""

import logging
import math
from typing import Protocol

logger = logging.getLogger("channels_realtime.timer_wheel")

SLOT = 1.0  # s: how much later than its deadline a connection may be checked


class Timed(Protocol):
    """A connection with deadlines."""

    wheel_slot: int  # where it is; 0: nowhere

    def __hash__(self) -> int: ...

    def check_time(self, now: float) -> float:
        """Do what is due. Returns when to call it again, by the same clock; math.inf: never."""


class TimerWheel:
    """Calls check_time() of connections at their deadlines.

    Args:
        now: seconds on the monotonic clock, as all times here.
    """

    def __init__(self, now: float) -> None:
        self.passed = int(now / SLOT)  # the newest slot whose time has come
        self.slots: dict[int, set[Timed]] = {}

    def schedule(self, timed: Timed, at: float) -> None:
        """Have a connection checked at `at`, unless it is due before."""
        if at == math.inf:
            return
        slot = max(math.ceil(at / SLOT), self.passed + 1)
        if timed.wheel_slot:
            if timed.wheel_slot <= slot:
                return
            self.remove(timed)
        timed.wheel_slot = slot
        if slot in self.slots:
            self.slots[slot].add(timed)
        else:
            self.slots[slot] = {timed}

    def remove(self, timed: Timed) -> None:
        """A connection has no deadlines any longer. Calling it again does nothing."""
        if timed.wheel_slot:
            waiting = self.slots.get(timed.wheel_slot)
            if waiting is not None:
                waiting.discard(timed)
            timed.wheel_slot = 0

    def advance(self, now: float) -> None:
        """Check the connections that have become due. Call it about every SLOT seconds."""
        for slot in range(self.passed + 1, int(now / SLOT) + 1):
            self.passed = slot
            for timed in self.slots.pop(slot, ()):
                if timed.wheel_slot != slot:
                    continue  # removed by one that was checked before it
                timed.wheel_slot = 0
                try:
                    at = timed.check_time(now)
                except Exception:
                    logger.exception("A connection's time limits could not be checked")
                    at = now + SLOT
                self.schedule(timed, at)
