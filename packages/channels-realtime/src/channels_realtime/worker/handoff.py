"""Hands a worker's messages to a spare thread while a consumer waits for something.

A worker is one loop: while its consumer waits, for a lock of the database for example, no message
is taken. Code that is about to wait calls hand_off() first. A spare thread of the same process
then receives until the consumer has finished. The consumer itself goes on where it is, so nothing
is executed twice.

An idle worker has no spare threads. They are started when they are needed, are kept for the next
time, without connections after IDLE seconds, and are at most MOST_WAITING. When that many consumers
wait, hand_off() returns False, and its caller refuses the request instead of waiting.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

logger = logging.getLogger("django.channels")

MOST_WAITING = 8  # consumers per process; each holds a thread and two connections
IDLE = 5.0  # s until a thread with nothing to do closes its connections


class HandingOver(Protocol):
    """A worker, as far as this module uses it."""

    def hand_off(self) -> bool: ...


class Current(threading.local):
    """The worker whose loop this thread runs."""

    worker: HandingOver | None = None


current = Current()


@contextmanager
def serving(worker: HandingOver) -> Iterator[None]:
    """While entered, this thread handles messages of the worker."""
    current.worker = worker
    try:
        yield
    finally:
        current.worker = None


def is_worker() -> bool:
    """Whether this thread handles messages, so that others wait while it does."""
    return current.worker is not None


def hand_off() -> bool:
    """Let a spare thread receive until this thread's consumer has finished; it is about to wait.

    Returns False where the most consumers wait that may: the caller must not wait then. Outside of
    a worker there is nothing to hand off, and every caller may wait.
    """
    return current.worker is None or current.worker.hand_off()


class SpareThreads:
    """Keeps one thread of a worker receiving.

    Args:
        serve: runs a loop until park() tells it to end.
        disconnect: closes the connections of the calling thread.
    """

    def __init__(self, serve: Callable[[], None], disconnect: Callable[[], None]) -> None:
        self.serve = serve
        self.disconnect = disconnect
        self.changed = threading.Condition()
        self.receiving = 1  # threads that take messages: the worker's own, for a start
        self.threads = 0  # spare threads, of which `parked` have nothing to do
        self.parked = 0
        self.wanted = 0  # parked threads that were woken and have not begun yet

    def begin_wait(self) -> bool:
        """A receiving thread is about to wait. Returns False where it must not."""
        with self.changed:
            if self.receiving > 1:
                self.receiving -= 1
            elif self.parked > self.wanted:
                self.wanted += 1
                self.changed.notify_all()
            elif self.threads < MOST_WAITING:
                threading.Thread(target=self.run, name="spare worker", daemon=True).start()
                self.threads += 1
            else:
                return False
            return True

    def end_wait(self) -> None:
        """A thread has finished the message that it waited in, and receives again."""
        with self.changed:
            self.receiving += 1

    def park(self) -> bool:
        """Whether the calling spare thread is one too many. It must then return from serve()."""
        with self.changed:
            if self.receiving == 1:
                return False
            self.receiving -= 1
            return True

    def run(self) -> None:
        """A spare thread."""
        try:
            while True:
                self.serve()
                with self.changed:
                    self.parked += 1
                    self.changed.notify_all()
                    if not self.changed.wait_for(lambda: self.wanted, IDLE):
                        self.disconnect()
                    self.changed.wait_for(lambda: self.wanted)
                    self.wanted -= 1
                    self.parked -= 1
        except BaseException:
            logger.exception("A spare thread of a worker died")
            with self.changed:
                self.threads -= 1
                self.changed.notify_all()

    def join(self) -> None:
        """Wait until all spare threads have finished what they had at hand."""
        with self.changed:
            self.changed.wait_for(lambda: self.parked - self.wanted == self.threads)
