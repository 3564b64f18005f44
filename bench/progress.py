"""What the person at the terminal sees while the benchmark runs."""

import sys
import time
from typing import TextIO


class Progress:
    """One line that is rewritten on a terminal; lines of their own in a log."""

    def __init__(self, total: int, stream: TextIO = sys.stderr) -> None:
        self.total = total
        self.done = 0
        self.stream = stream
        self.live = stream.isatty()
        self.started = time.monotonic()

    def step(self, text: str) -> None:
        """Announce the next measurement."""
        self.done += 1
        elapsed = int(time.monotonic() - self.started)
        line = f"[{self.done:3}/{self.total} {elapsed // 60}:{elapsed % 60:02d}] {text}"
        self.clear()
        print(line, end="" if self.live else "\n", file=self.stream, flush=True)

    def say(self, sentence: str) -> None:
        """Print a sentence that stays."""
        self.clear()
        print(sentence, file=self.stream, flush=True)

    def clear(self) -> None:
        if self.live:
            self.stream.write("\r\x1b[2K")
