"""One start of one system with its load client: what the scenarios measure with."""

import json
import time
from dataclasses import dataclass

from bench.errors import HandshakesFailed
from bench.talker import Talker, module

# 20: enough that imports, caches and buffers of a first request are behind every process.
WARM_UP_READERS = 20
WARM_UP_TIMEOUT = 60
# A stack is settled once it used less than 5 % of a core over 0.2 s.
SETTLED_CPU, SETTLED_WINDOW, SETTLE_TIMEOUT = 0.05, 0.2, 15.0


@dataclass(frozen=True)
class Used:
    """What a piece of work cost: wall and CPU time in seconds."""

    wall: float
    server: float
    stack: float  # server, worker and Redis together
    client: float
    processes: dict[str, float]  # the CPU time of each in the stack, by its name


@dataclass(frozen=True)
class Opening:
    """How the first readers of a session came in."""

    readers: int
    refused: int
    seconds: float
    used: Used
    memory_kib: float  # the server's growth


class Meter:
    """Tells what has been used since it was made."""

    def __init__(self, session):
        self.session = session
        self.before = self._read()

    def _read(self):
        stack = [process.cpu_seconds() for process in self.session.stack.processes()]
        client = self.session.client.cpu_seconds()
        return time.monotonic(), client, *stack

    def used(self):
        """Return what has been used until now, as Used."""
        now = self._read()
        wall, client, *stack = (new - old for new, old in zip(now, self.before, strict=True))
        names = (process.name for process in self.session.stack.processes())
        # The server is the first of the processes.
        return Used(wall, stack[0], sum(stack), client, dict(zip(names, stack, strict=True)))


class Session:
    """Owns a running Stack and a load client; `stop` ends both."""

    def __init__(self, system, stack_name, plan):
        self.plan = plan
        self.opening = None
        self.stack = system.start(stack_name, plan.payload_size)
        try:
            self.client = Talker("load client", module("bench.client"))
        except BaseException:
            self.stack.stop()
            raise

    def stop(self):
        """End the load client and every process of the system."""
        try:
            self.client.stop()
        finally:
            self.stack.stop()

    def meter(self):
        """Start measuring."""
        return Meter(self)

    def ask_client(self, do, timeout=120, **arguments):
        """Have the load client carry out one command; return its answer."""
        return self.client.ask(json.dumps({"do": do} | arguments), timeout)

    def settle(self):
        """Wait until the stack has no work left (at most SETTLE_TIMEOUT seconds)."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while time.monotonic() < deadline:
            meter = self.meter()
            time.sleep(SETTLED_WINDOW)
            used = meter.used()
            if used.stack < SETTLED_CPU * used.wall:
                return

    def open_readers(self, count, path=None):
        """Open `count` readers; return (refused, seconds). Raises HandshakesFailed.

        They read the live blog unless `path` says another place.
        """
        answer = self.ask_client(
            "open_readers",
            timeout=WARM_UP_TIMEOUT + count / 10,
            count=count,
            in_flight=self.plan.in_flight,
            payload_size=self.plan.payload_size,
            target=self.stack.target(path or self.stack.reader_path),
        )
        self.stack.check_alive()
        if answer["opened"] < count:
            raise HandshakesFailed(answer["opened"], count, answer["refusals"])
        return sum(answer["refusals"].values()), answer["seconds"]

    def close_readers(self):
        """Drop all readers and wait until the stack has cleaned up after them."""
        self.ask_client("close_readers")
        self.opening = None
        self.settle()

    def warm_up(self):
        """Let a few readers get one message, so that nothing is measured for the first time."""
        self.open_readers(WARM_UP_READERS)
        self.broadcast(1)
        self.close_readers()

    def crowd(self):
        """The Opening of the plan's readers, who stay for the scenarios that follow."""
        if self.opening is None:
            self.warm_up()
            self.opening = self.measured_opening()
        return self.opening

    def crowd_again(self):
        """The Opening of the same readers when they all come back, to a server that is warm."""
        self.crowd()
        self.close_readers()
        self.opening = self.measured_opening()
        return self.opening

    def measured_opening(self):
        """Open the plan's readers; return the Opening."""
        memory = self.stack.server.memory_kib()
        meter = self.meter()
        refused, seconds = self.open_readers(self.plan.readers)
        # Joining the group and the replay may come after the handshake's answer.
        self.settle()
        growth = self.stack.server.memory_kib() - memory
        return Opening(self.plan.readers, refused, seconds, meter.used(), growth)

    def broadcast(self, messages, pace=0.0):
        """Publish `messages` without waiting, then wait for them; return (account, seconds).

        The account is the load client's (`bench.client.readers.Crowd.wait`); the seconds run from
        before the first publish to the last delivery.
        """
        self.stack.ready_publisher()
        self.ask_client("expect", messages_each=messages, pace=pace)
        return self._delivered(self.stack.publish(messages))

    def say(self):
        """Have one reader send what a consumer hands on to all; return as `broadcast` does."""
        self.ask_client("expect", messages_each=1, pace=0.0)
        return self._delivered(self.ask_client("say"))

    def _delivered(self, published):
        """Wait for what was `published`; return (account, seconds)."""
        account = self.ask_client("wait", timeout=600, quiet_seconds=self.plan.quiet_seconds)
        self.stack.check_alive()
        return account, account["last"] - published["first"]
