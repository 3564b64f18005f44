"""The test's side of the newsroom: starts it, sends it commands and stores its reports."""

import json
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Self

from harness.process import Process
from harness.waiting import PATIENCE

from tests.e2e.stack import ROOT, Stack


class Desk:
    """A context manager. `acks` is every acknowledgement: {ack, kind, sent, tries, via}."""

    def __init__(self, stack: Stack, slug: str, seed: int) -> None:
        self.stack, self.slug, self.seed = stack, slug, seed
        self.acks: list[dict[str, Any]] = []
        self.acknowledged_at = 0.0  # s of the monotonic clock
        self.titles: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.retries: dict[str, int] = {}  # reason -> number
        self.done: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        module = [sys.executable, "-m", "tests.chaos.clients.newsroom"]
        self.process = Process(
            [*module, self.slug, self.seed, self.stack.address],
            cwd=ROOT,
            env=self.stack.environ,
            pipes=True,
            text=True,
        ).popen
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        self.await_done("start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()  # does nothing if it has exited
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()

    def listen(self) -> None:
        for line in self.process.stdout:
            value = json.loads(line)
            if "ack" in value:
                self.acks.append(value)
                self.acknowledged_at = time.monotonic()
            elif "title" in value:
                self.titles.append(value)
            elif "violation" in value:
                self.violations.append(value["violation"])
            elif "retry" in value:
                self.retries[value["why"]] = self.retries.get(value["why"], 0) + 1
            else:
                self.done.put(value["done"])

    def tell(self, command: str) -> None:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def write(self) -> None:
        """Start all writers; they continue until pause()."""
        self.tell("write")

    def burst(self) -> None:
        """Make more changes than a replay holds, and wait until they are acknowledged."""
        self.tell("burst")
        self.await_done("burst")

    def pause(self, patience: float = 2 * PATIENCE) -> None:
        """Stop new writes; wait until those in progress are acknowledged. Raises TimeoutError."""
        self.tell("pause")
        self.await_done("pause", patience)

    def await_done(self, word: str, patience: float = 2 * PATIENCE) -> None:
        try:
            assert self.done.get(timeout=patience) == word
        except queue.Empty:
            raise TimeoutError(f"{word} did not finish within {patience:g} s") from None
