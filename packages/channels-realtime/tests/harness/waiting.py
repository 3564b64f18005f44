"""Waiting for a condition, and doing something meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60  # s: for a busy machine; nothing waits this long where all is well
POLL = 0.02  # s between two checks of a condition


def wait_until(
    condition: Callable[[], T], what: str, patience: float = PATIENCE, poll: float = POLL
) -> T:
    """Check the condition until it holds, and return its value.

    Args:
        what: the awaited thing, for the message of the failure.
        patience: seconds.
        poll: seconds between two checks; longer ones for a condition that is costly to check.

    Raises:
        AssertionError: the condition has not held in time.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(poll)
    raise AssertionError(f"waited {patience} s in vain for {what}")


@contextmanager
def meanwhile(work: Callable[[threading.Event], object]) -> Iterator[None]:
    """Run `work(ended)` in a thread while the context lasts; it returns once `ended` is set."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=[ended])
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
