"""The test's side of the newsroom: starts it, tells it what to do, keeps what it reports."""

import json
import queue
import subprocess
import sys
import threading

from harness.waiting import PATIENCE

from tests.e2e.stack import ROOT


class Desk:
    """A context manager. `acks` is every acknowledgement: {ack, kind, sent, tries, via}."""

    def __init__(self, stack, slug, seed):
        self.stack, self.slug, self.seed = stack, slug, seed
        self.acks, self.titles, self.violations = [], [], []
        self.retries = {}  # why -> how often
        self.done = queue.Queue()

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.clients.newsroom", self.slug, str(self.seed)]
            + [self.stack.address],
            cwd=ROOT,
            env=self.stack.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the log of a product that is being hurt
            text=True,
        )
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        self.await_done("start")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.thread.join()
        self.process.stdout.close()

    def listen(self):
        for line in self.process.stdout:
            value = json.loads(line)
            if "ack" in value:
                self.acks.append(value)
            elif "title" in value:
                self.titles.append(value)
            elif "violation" in value:
                self.violations.append(value["violation"])
            elif "retry" in value:
                self.retries[value["why"]] = self.retries.get(value["why"], 0) + 1
            else:
                self.done.put(value["done"])

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def write(self):
        """All writers begin, and go on until pause()."""
        self.tell("write")

    def burst(self):
        """More changes than a replay holds; returns once they are acknowledged."""
        self.tell("burst")
        self.await_done("burst")

    def pause(self, patience: float = 2 * PATIENCE) -> None:
        """No new writes; returns once those under way are acknowledged. Raises TimeoutError."""
        self.tell("pause")
        self.await_done("pause", patience)

    def await_done(self, word: str, patience: float = 2 * PATIENCE) -> None:
        try:
            assert self.done.get(timeout=patience) == word
        except queue.Empty:
            raise TimeoutError(f"no end of {word} within {patience:g} s") from None
