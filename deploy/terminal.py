"""Shows the processes' log files on the terminal of `make run`, without blocking them.

supervisord writes the processes' output to files only: a pipe to a terminal could block them.
`LogFiles` follows these files, `Terminal` prints their lines.
"""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

QUEUE_LIMIT = 256 * 1024  # bytes; some 3,000 lines
CHUNK = 64 * 1024  # bytes read from a file, or written to the terminal, at a time
BACKUPS = 5  # rotated files that are kept of each log; supervisord.conf: stdout_logfile_backups


class Terminal:
    """Prints lines on a file descriptor, in a thread of its own.

    A paused terminal (Ctrl-S) fills the queue. Further lines are dropped and counted, and their
    number is printed once the terminal continues. Nothing is written to a closed terminal.
    """

    def __init__(self, fd: int, logs: Path) -> None:
        self.fd = fd
        self.logs = logs  # the folder that holds every line, also those that were not shown
        self.changed = threading.Condition()
        self.lines: list[bytes] = []
        self.waiting = 0  # bytes
        self.missed = 0
        self.writing = False
        self.closed = False
        threading.Thread(target=self._run, daemon=True).start()

    def say(self, line: str) -> None:
        """Queue a line for the terminal. Never blocks."""
        data = f"{line}\n".encode(errors="replace")
        with self.changed:
            if self.closed:
                return
            if self.waiting + len(data) > QUEUE_LIMIT:
                self.missed += 1
            else:
                self.lines.append(data)
                self.waiting += len(data)
            self.changed.notify_all()

    def flush(self, within: float) -> None:
        """Wait until all lines are printed, `within` s at most."""

        def is_done() -> bool:
            return self.closed or not (self.lines or self.missed or self.writing)

        with self.changed:
            self.changed.wait_for(is_done, within)

    def _run(self) -> None:
        try:
            while True:
                self._write(self._take())
        except OSError:  # the terminal is closed
            with self.changed:
                self.closed = True
                self.lines.clear()
                self.changed.notify_all()

    def _take(self) -> bytes:
        """Wait for lines and take all of them out of the queue."""
        with self.changed:
            self.writing = False
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.lines or self.missed)
            self.writing = True
            # Lines are missed only while the queue is full, so they follow what is in it.
            if self.missed:
                note = f"{self.missed} lines were not shown; see {self.logs}\n"
                self.lines.append(note.encode())
            data = b"".join(self.lines)
            self.lines.clear()
            self.waiting = self.missed = 0
            return data

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.fd, view[:CHUNK]) :]
            except BlockingIOError:  # another process has made the terminal non-blocking
                select.select([], [self.fd], [])


class LogFile:
    """The lines of one log file, even while the file is being rotated (`.log` to `.log.1`)."""

    def __init__(self, path: Path, *, at_end: bool) -> None:
        self.path = path
        self.file: BinaryIO | None = None
        self.unfinished = b""
        if at_end:
            with suppress(FileNotFoundError):
                self.file = path.open("rb")
                self.file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[str]:
        """All lines completed since the last call."""
        while True:
            # Look for newer files first: nothing is written to this one after them.
            newer = self._newer()
            yield from self._rest()
            if newer is None:
                return
            if self.file:
                self.file.close()
            self.file = newer

    def _rest(self) -> Iterator[str]:
        """The complete lines of this file that have not been read yet."""
        if self.file is None:
            return
        if os.fstat(self.file.fileno()).st_size < self.file.tell():
            self.file.seek(0)  # it was truncated
        while chunk := self.file.read(CHUNK):
            *complete, self.unfinished = (self.unfinished + chunk).split(b"\n")
            if len(self.unfinished) > QUEUE_LIMIT:  # too long to be a log line
                complete.append(self.unfinished)
                self.unfinished = b""
            for line in complete:
                yield line.decode(errors="replace")

    def _newer(self) -> BinaryIO | None:
        """The opened file that follows the current one; None if there is none."""
        places = [self.path] + [Path(f"{self.path}.{n}") for n in range(1, BACKUPS + 1)]
        if self.file is None:
            places = places[:1]
        found: list[BinaryIO] = []  # the newest first
        ours = self.file and os.fstat(self.file.fileno()).st_ino
        for place in places:
            with suppress(FileNotFoundError):
                file = place.open("rb")
                if os.fstat(file.fileno()).st_ino == ours:
                    file.close()
                    break
                found.append(file)
        # If ours was deleted, all others are newer. A rotation during this search may show a file
        # twice, the second time under its next name; the last of `found` still follows ours.
        if not found:
            return None
        *others, following = found
        for other in others:
            other.close()
        return following


class Line(NamedTuple):
    """A line that a process wrote."""

    process: str
    text: str

    def __str__(self) -> str:
        # A line of JSON (LOG_FORMAT) names its process itself.
        return self.text if self.text.startswith("{") else f"{self.process} | {self.text}"


class LogFiles:
    """New lines of all log files of a folder. A file is named after its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {path: LogFile(path, at_end=True) for path in folder.glob("*.log")}

    def lines(self) -> Iterator[Line]:
        """The lines that the processes have written since the last call."""
        for path in sorted(self.folder.glob("*.log")):
            file = self.files.get(path)
            if file is None:
                file = self.files[path] = LogFile(path, at_end=False)
            for text in file.lines():
                yield Line(path.stem, text)


def show(logs: LogFiles, terminal: Terminal, ended: threading.Event, poll: float = 0.1) -> None:
    """Print new lines of the log files until `ended` is set and all are printed."""
    while True:
        is_last = ended.is_set()
        for line in logs.lines():
            terminal.say(str(line))
        if is_last:
            return
        ended.wait(poll)
