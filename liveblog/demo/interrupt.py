"""Waits that SIGINT and SIGTERM end."""

import select
import signal
import socket
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """While entered, the first SIGINT or SIGTERM only ends waits; a second one kills.

    A step is therefore never interrupted, and a process that hangs can still be stopped. Main
    thread only.
    """

    def __enter__(self) -> Self:
        self.requested = False
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)
        self.handlers = {number: signal.signal(number, self.note) for number in SIGNALS}
        # The interpreter writes each signal's number here as it arrives: one that comes just
        # before select() begins would otherwise be missed.
        self.wakeup = signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self.wakeup)
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.reader.close()
        self.writer.close()

    def note(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long. Returns whether one of the signals has come."""
        if not self.requested and select.select([self.reader], [], [], seconds)[0]:
            self.requested = any(number in SIGNALS for number in self.reader.recv(64))
        return self.requested
