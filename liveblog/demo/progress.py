"""The progress line of a replay."""

import shutil
from datetime import timedelta

from django.core.management.base import OutputWrapper


class Progress:
    """Writes to a command's stdout: on a terminal one line in place, else one line a step."""

    def __init__(self, out: OutputWrapper, total: int) -> None:
        self.out = out
        self.total = total
        self.terminal = out.isatty()

    def tick(self, done: int, elapsed: float, pause: float | None) -> None:
        """Rewrite the line while waiting. Times in seconds; no pause means no next step."""
        if self.terminal:
            # A line that wraps could not be rewritten.
            width = shutil.get_terminal_size().columns - 1
            self.out.write(f"\r{self.line(done, elapsed, pause)[:width]}\x1b[K", ending="")
            self.out.flush()

    def step(self, done: int, elapsed: float, pause: float | None) -> None:
        """Report a step."""
        if self.terminal:
            self.tick(done, elapsed, pause)
        else:
            self.out.write(self.line(done, elapsed, pause))
            self.out.flush()

    def close(self, sentence: str) -> None:
        """End the progress line, and write the result."""
        if self.terminal:
            self.out.write("")
        self.out.write(sentence)

    def line(self, done: int, elapsed: float, pause: float | None) -> str:
        line = f"step {done} of {self.total}, elapsed {clock(elapsed)}"
        return line if pause is None else f"{line}, next in {clock(pause)}"


def clock(seconds: float) -> str:
    """Seconds as [days, ]h:mm:ss."""
    return str(timedelta(seconds=round(seconds)))
