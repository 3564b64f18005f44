"""Logs a worker that hangs, before channels_realtime.worker.watcher kills it, and counts it.

It is a process of its own, because the worker cannot log any more and the watcher is too small to
load the project's settings: `python -m channels_realtime.worker.postmortem FACTS... ARGUMENTS...`.
The arguments are those of the watcher.
"""

import logging
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from channels_realtime.metrics.counters import AtHand
from channels_realtime.worker.activity import CELL, CELLS, WatchedChannel, read_at_hand

logger = logging.getLogger("channels_realtime.watchdog")

COUNT_WITHIN = 30  # s
LONGEST_STACK = 100_000  # bytes; 100 threads of 100 lines can be more
SECTION = re.compile(r"^(?:Current t|T)hread 0x([0-9a-f]+) .*\n((?:  .*\n)*)", re.MULTILINE)
STOPPED = "the process is stopped, by SIGSTOP or a debugger"
STATES = {"T": STOPPED, "t": STOPPED, "D": "the process waits in a system call"}


@dataclass(frozen=True)
class Report:
    """What the watcher has found out.

    `place` is the cell that has not changed for `waited` seconds: 0 for the sign of life, otherwise
    that of a thread. `state` is the kernel's letter for the process.
    """

    event: str  # hung; silent: gets SIGTERM; still silent: is killed after that
    pid: int
    place: int
    waited: float
    state: str
    messages: Sequence[AtHand]
    stuck: AtHand | None
    stacks: str
    alias: str

    @property
    def channel(self) -> str:
        """The channel of the message that hangs; empty where there is none."""
        return self.stuck.channel if self.stuck else ""

    @property
    def lost(self) -> Counter[str]:
        """channel -> number of messages that end with the worker."""
        return Counter(m.channel for m in self.messages if not m.is_acknowledged)

    @property
    def returned(self) -> Counter[str]:
        """channel -> number of messages that go to another worker."""
        return Counter(m.channel for m in self.messages if m.is_acknowledged)

    def __str__(self) -> str:
        what = STATES.get(self.state)
        if self.event == "silent":
            return (
                f"The worker (process {self.pid}) has given no sign of life for {self.waited:g} s"
                f"{f' ({what})' if what else ''}. It has no message at hand and gets SIGTERM."
            )
        if self.stuck:
            reason = (
                f"a message on {self.stuck.channel} has been at hand for {self.waited:g} s, and"
                f" CONSUMER_TIMEOUT allows {self.stuck.limit:g} s"
            )
        else:
            reason = f"it has given no sign of life for {self.waited:g} s"
        sentences = [f"Killing the worker (process {self.pid}): {reason}."]
        for counts, what_happens in ((self.lost, "lost"), (self.returned, "delivered again")):
            if number := counts.total():
                words = "1 message is" if number == 1 else f"{number} messages are"
                names = ", ".join(sorted(counts.elements()))
                sentences.append(f"{words} {what_happens}: {names}.")
        if what:
            sentences.append(f"There is no stack: {what}.")
        elif self.stacks:
            sentences.append(f"Its stack, the innermost call first:\n{self.stacks.rstrip()}")
        else:
            sentences.append("It has written no stack.")
        return " ".join(sentences)


def read_report(arguments: Sequence[str]) -> Report:
    """The Report that the arguments and the memory that they name describe."""
    event, pid, place, waited, state, memory, threads, _, limits, names, flags, alias = arguments
    descriptor, size = int(memory), CELL * (1 + CELLS * int(threads))
    _, *seconds = map(float, limits.split(","))
    acknowledged = [flag == "1" for flag in flags.split(",")]
    channels = list(map(WatchedChannel, names.split(","), seconds, acknowledged))
    cells = memoryview(os.pread(descriptor, size, 0)).cast("d").tolist()
    found = os.pread(descriptor, LONGEST_STACK, size).decode(errors="replace")
    stuck, stacks = None, found
    if first := int(place):
        [stuck] = read_at_hand([0.0, *cells[first : first + CELLS]], channels, time.monotonic())
        stacks = stack_of(found, stuck.thread)
    messages = read_at_hand(cells, channels, time.monotonic())
    return Report(
        event=event,
        pid=int(pid),
        place=first,
        waited=float(waited),
        state=state,
        messages=messages,
        stuck=stuck,
        stacks=stacks,
        alias=alias,
    )


def stack_of(stacks: str, thread: int) -> str:
    """The newest stack of one thread in what faulthandler has written, or all of it."""
    found = [match[2] for match in SECTION.finditer(stacks) if int(match[1], 16) == thread]
    return found[-1] if found else stacks


def log(report: Report) -> None:
    """Log as the project does, or to stderr where its settings cannot be loaded."""
    try:
        from django.conf import settings
        from django.utils.log import configure_logging

        configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    except Exception as error:  # the project's settings may raise anything
        print(report, file=sys.stderr)
        sys.exit(f"The project's settings cannot be loaded, so this is not counted: {error!r}")
    logger.error("%s", report)


def count(report: Report) -> None:
    """Count it in Redis, which outlives the worker."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    from channels_realtime.metrics.counters import count_hung

    # The layer without its routing: there is no need to load the project's consumers.
    workers = 0 if report.event == "still silent" else 1
    configuration = settings.CHANNEL_LAYERS[report.alias]
    layer = import_string(configuration["BACKEND"])(**configuration.get("CONFIG", {}))
    try:
        count_hung(layer, report.channel, workers, report.lost)
    except Exception as error:  # Redis may be the reason why the worker hangs
        logger.error("A hung worker could not be counted: %s", error)


def main(arguments: Sequence[str]) -> None:
    report = read_report(arguments)
    log(report)
    logging.shutdown()
    # The watcher waits for the log alone: Redis may be slow, or the reason for the hang.
    if os.fork() == 0:
        signal.alarm(COUNT_WITHIN)
        count(report)


if __name__ == "__main__":
    main(sys.argv[1:])
