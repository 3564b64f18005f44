"""Messages for workers that come without a pause."""

import itertools
import threading
from typing import Self

from harness.stack import Stack
from harness.waiting import wait_until


class Load:
    """Sends numbers to the workers without a pause, never far ahead of them."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        for number in itertools.count():
            if self.done.is_set():
                break
            self.stack.layer.send("numbers", {"number": number})
            self.sent = number + 1
            wait_until(lambda n=number: self.handled() > n - 20 or self.done.is_set(), "progress")

    def handled(self) -> int:
        return self.stack.redis.llen("book:numbers")

    def wait_for_progress(self) -> None:
        before = self.handled()
        wait_until(lambda: self.handled() > before + 20, "progress")

    def stop(self) -> int:
        self.done.set()
        self.thread.join()
        return self.sent

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
