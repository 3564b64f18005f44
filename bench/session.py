"""One start of one system with its load client, and the loop over all systems and scenarios."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.errors import BenchError, HandshakesFailed
from bench.plan import Plan
from bench.processes import Talker, module
from bench.results import Results
from bench.systems import System

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.scenarios import Scenario

# 20: enough that imports, caches and buffers of a first request are behind every process.
WARM_UP_READERS = 20
WARM_UP_TIMEOUT = 60
# A stack is settled once it used less than 5 % of a core over 0.2 s.
SETTLED_CPU, SETTLED_WINDOW, SETTLE_TIMEOUT = 0.05, 0.2, 15.0


class Used(NamedTuple):
    """What a piece of work cost: wall and CPU time in seconds."""

    wall: float
    server: float
    stack: float  # server, worker and Redis together
    client: float
    processes: dict[str, float]  # the CPU time of each in the stack, by its name


@dataclass(frozen=True)
class Opening:
    """How the readers of a session came in."""

    readers: int
    refused: int
    seconds: float
    used: Used
    memory_kib: float  # the server's growth


class Delivery(NamedTuple):
    """The load client's account of a broadcast (`bench.load.Crowd.wait`)."""

    account: dict[str, Any]
    seconds: float  # from before the first publish to the last delivery


class Meter:
    """Tells what has been used since it was made."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.before = self.read()

    def read(self) -> list[float]:
        processes = [self.session.client, *self.session.stack.processes()]
        return [time.monotonic(), *(process.cpu_seconds() for process in processes)]

    def used(self) -> Used:
        """What has been used until now."""
        pairs = zip(self.read(), self.before, strict=True)
        wall, client, *stack = (new - old for new, old in pairs)
        names = (process.name for process in self.session.stack.processes())
        # The server is the first of the processes.
        return Used(wall, stack[0], sum(stack), client, dict(zip(names, stack, strict=True)))


class Session:
    """Owns a running Stack and a load client; `stop` ends both."""

    def __init__(self, system: System, stack_name: str, plan: Plan) -> None:
        self.plan = plan
        self.opening: Opening | None = None
        self.exits = contextlib.ExitStack()
        self.stack = system.start(stack_name, plan.payload_size)
        self.exits.callback(self.stack.stop)
        try:
            self.client = Talker("load client", module("bench.load"))
        except BaseException:
            self.stop()
            raise
        self.exits.callback(self.client.stop)

    def stop(self) -> None:
        """End the load client and every process of the system."""
        self.exits.close()

    def meter(self) -> Meter:
        """Start measuring."""
        return Meter(self)

    def ask_client(self, do: str, timeout: float = 120, **arguments: Any) -> dict[str, Any]:
        """Have the load client carry out one command; return its answer."""
        return self.client.ask(json.dumps({"do": do} | arguments), timeout)

    def settle(self) -> None:
        """Wait until the stack has no work left (at most SETTLE_TIMEOUT seconds)."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while time.monotonic() < deadline:
            meter = self.meter()
            time.sleep(SETTLED_WINDOW)
            used = meter.used()
            if used.stack < SETTLED_CPU * used.wall:
                return

    def open_readers(self, count: int, path: str | None = None) -> Opening:
        """Open `count` readers, of the live blog or of `path`. Raises HandshakesFailed."""
        memory = self.stack.server.memory_kib()
        meter = self.meter()
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
        # Joining the group and the replay may come after the handshake's answer.
        self.settle()
        growth = self.stack.server.memory_kib() - memory
        refused = sum(answer["refusals"].values())
        return Opening(count, refused, answer["seconds"], meter.used(), growth)

    def close_readers(self) -> None:
        """Drop all readers and wait until the stack has cleaned up after them."""
        self.ask_client("close_readers")
        self.opening = None
        self.settle()

    def crowd(self) -> Opening:
        """The Opening of the plan's readers, who stay for the scenarios that follow."""
        if self.opening is None:
            # A few readers get one message, so that nothing is measured for the first time.
            self.open_readers(WARM_UP_READERS)
            self.broadcast(1)
            self.close_readers()
            self.opening = self.open_readers(self.plan.readers)
        return self.opening

    def crowd_again(self) -> Opening:
        """The Opening of the same readers when they all come back, to a server that is warm."""
        self.crowd()
        self.close_readers()
        self.opening = self.open_readers(self.plan.readers)
        return self.opening

    def broadcast(self, messages: int, pace: float = 0.0) -> Delivery:
        """Publish `messages` without waiting, then wait for them."""
        self.stack.ready_publisher()
        self.ask_client("expect", messages_each=messages, pace=pace)
        return self.delivered(self.stack.publish(messages))

    def say(self) -> Delivery:
        """Have one reader send what a consumer hands on to all."""
        self.ask_client("expect", messages_each=1, pace=0.0)
        return self.delivered(self.ask_client("say"))

    def delivered(self, published: dict[str, float]) -> Delivery:
        """Wait for what was `published`."""
        account = self.ask_client("wait", timeout=600, quiet_seconds=self.plan.quiet_seconds)
        self.stack.check_alive()
        return Delivery(account, account["last"] - published["first"])


class Part(NamedTuple):
    """What is measured of a system with one start of one of its stacks."""

    repetition: int
    system: System
    stack_name: str
    scenarios: list[Scenario]


def wanted(systems: Sequence[System], scenarios: Sequence[Scenario], plan: Plan) -> Iterator[Part]:
    """The parts of a run, repetition by repetition, so that drift hits all systems alike."""
    for repetition in range(1, plan.repetitions + 1):
        for system in systems:
            by_stack: dict[str, list[Scenario]] = {}
            for scenario in scenarios:
                if scenario.name in system.scenarios and repetition <= scenario.repetitions(plan):
                    by_stack.setdefault(system.stack_for(scenario.name), []).append(scenario)
            for stack_name, chosen in by_stack.items():
                yield Part(repetition, system, stack_name, chosen)


def run(
    systems: Sequence[System],
    scenarios: Sequence[Scenario],
    plan: Plan,
    results: Results,
    progress: Progress,
) -> None:
    """Measure everything into `results`; a failure costs only its own scenario."""
    for part in wanted(systems, scenarios, plan):
        remaining = list(part.scenarios)
        while remaining:
            run_session(part, remaining, plan, results, progress)


def run_session(
    part: Part, remaining: list[Scenario], plan: Plan, results: Results, progress: Progress
) -> None:
    """Take scenarios off `remaining` until one fails or none is left."""
    name = part.system.name
    with contextlib.ExitStack() as cleanup:
        session = None
        while remaining:
            scenario = remaining.pop(0)
            progress.step(f"repetition {part.repetition}: {name}, {scenario.title}")
            try:
                if session is None:
                    session = Session(part.system, part.stack_name, plan)
                    cleanup.callback(session.stop)
                results.add(name, scenario.name, scenario.measure(session))
            except BenchError as error:
                results.add_error(name, scenario.name, error)
                progress.say(f"{name}, {scenario.title}: {error}")
                return
