"""Restarts programs without delay, logs which ones supervisord does not restart, counts endings.

supervisord checks its programs once a second: it notices an exit in one pass and starts the program
in the next. When an interface server is killed, its readers wait for these seconds. The end of the
program's output wakes supervisord too, but mostly before the process has exited wholly.

An extension of supervisord, like deploy/listening.py; it offers no methods.
"""

import json
import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor import events
from supervisor.datatypes import RestartUnconditionally

if TYPE_CHECKING:  # it runs as __main__, which another import would load again
    from supervisor.supervisord import Supervisor


class Wakeup:
    """A pipe that supervisord polls with its other files. A byte in it ends the wait at once.

    Every signal writes one, SIGCHLD too; without it Python resumes the poll() (PEP 475).
    """

    def __init__(self, supervisord: "Supervisor") -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, False)
        self.polled = supervisord.options.get_socket_map()
        self.polled[self.reading] = self
        signal.set_wakeup_fd(self.writing, warn_on_full_buffer=False)

    def wake(self) -> None:
        if self.reading in self.polled:
            with suppress(BlockingIOError):  # full: supervisord is about to read it
                os.write(self.writing, b"!")

    def close(self) -> None:
        """supervisord ends, or reads its configuration again, which makes another."""
        if self.polled.pop(self.reading, None) is not None:
            signal.set_wakeup_fd(-1)
            os.close(self.reading)
            os.close(self.writing)

    # What supervisord calls

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        os.read(self.reading, 1 << 12)

    def handle_error(self) -> None:
        """There was nothing to read."""


class Endings:
    """Listens for processes that exit."""

    def __init__(self, supervisord: "Supervisor") -> None:
        self.logger = supervisord.options.logger
        self.wakeup = Wakeup(supervisord)
        self.counts: Counter[str] = Counter()
        # proj/metrics.py reads it.
        self.file = Path(os.environ["RUN_DIR"]) / "endings.json"
        self.write()
        events.subscribe(events.ProcessStateExitedEvent, self.exited)
        events.subscribe(events.ProcessStateBackoffEvent, self.ended_early)
        events.subscribe(events.ProcessStateFatalEvent, self.gave_up)
        events.subscribe(events.SupervisorStoppingEvent, self.stopping)

    def exited(self, event: events.ProcessStateExitedEvent) -> None:
        """supervisord itself logs unexpected exits."""
        self.wakeup.wake()
        process = event.process.config
        self.count(process.name)
        if event.expected and process.autorestart is not RestartUnconditionally:
            self.logger.warn(f"{process.name} exited and will not be restarted; see its last lines")

    def ended_early(self, event: events.ProcessStateBackoffEvent) -> None:
        """Killed within startsecs; deploy/launch.py has it run longer where it ends by itself."""
        self.count(event.process.config.name)

    def count(self, name: str) -> None:
        self.counts[name] += 1
        self.write()

    def write(self) -> None:
        """Write the number of endings by name. On a full disk the file stays as it is."""
        new = self.file.with_suffix(".new")
        with suppress(OSError):
            new.write_text(json.dumps(self.counts))
            new.replace(self.file)

    def stopping(self, event: events.SupervisorStoppingEvent) -> None:
        self.wakeup.close()

    def gave_up(self, event: events.ProcessStateFatalEvent) -> None:
        name = event.process.config.name
        self.logger.warn(f"{name} could not be started; see its last lines")


def make(supervisord: "Supervisor", **config: str) -> Endings:
    """The extension; supervisord.conf names it as `supervisor.rpcinterface_factory`."""
    return Endings(supervisord)
