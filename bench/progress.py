"""What the person at the terminal sees while the benchmark runs."""

import sys
import time


class Progress:
    """One line that is rewritten on a terminal; lines of their own in a log."""

    def __init__(self, total, stream=sys.stderr):
        self.total = total
        self.done = 0
        self.stream = stream
        self.live = stream.isatty()
        self.started = time.monotonic()

    def step(self, repetition, system, scenario):
        """Announce the next measurement."""
        self.done += 1
        elapsed = int(time.monotonic() - self.started)
        clock = f"{elapsed // 60}:{elapsed % 60:02d}"
        self._show(
            f"[{self.done:3}/{self.total} {clock}] repetition {repetition}: {system}, {scenario}"
        )

    def say(self, sentence):
        """Print a sentence that stays."""
        self._clear()
        print(sentence, file=self.stream, flush=True)

    def finish(self):
        """Leave the terminal clean."""
        self._clear()

    def _show(self, text):
        if self.live:
            self._clear()
            self.stream.write(text)
            self.stream.flush()
        else:
            print(text, file=self.stream, flush=True)

    def _clear(self):
        if self.live:
            self.stream.write("\r\x1b[2K")
