"""The largest crowd of one machine: several interface processes, one load client for each.

A process may open some 20,000 files here, so neither one server nor one client can hold it. The
crowd grows in steps, each measured, and is then held while posts go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.crowds.idle import current_path
from bench.errors import HandshakesFailed
from bench.metrics import Figures, Metric
from bench.processes import Talker, module

if TYPE_CHECKING:
    from bench.session import Session
    from bench.systems import Stack

# What begins the frame of a post, as liveblog.stream.frames builds it.
POST_MARK = '{"type":"update",'
# 10 s: with a dozen busy processes on few cores, one of them may get none for seconds. What is
# late is in the time of the last reader; only what never comes is lost.
QUIET_SECONDS = 10.0
OPEN_TIMEOUT = 600.0  # s, for one step
ANSWER_TIMEOUT = 120.0  # s
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") / 1024
STEPS = ("smallest", "small", "large", "largest")
STEP_FIGURES = (
    Metric("sockets", "sockets", ""),
    Metric("rate", "handshakes", "1/s"),
    Metric("handshake", "interface CPU per handshake", "ms", 3),
    Metric("stack_handshake", "CPU per handshake, whole stack", "ms", 3),
    Metric("idle", "interface CPU per idle socket and second", "µs", 2),
    Metric("delivery", "interface CPU per delivery", "µs", 2),
    Metric("last_reader", "last reader has it after", "ms"),
    Metric("delivered", "delivered", "%", 2),
    Metric("memory", "PSS per socket", "KiB", 1),
    Metric("rss", "RSS per socket", "KiB", 1),
    Metric("slab", "slab per socket", "KiB", 1),
    Metric("buffers", "TCP buffers per socket", "KiB", 1),
)
HOLD_METRICS = (
    Metric("hold_seconds", "held, with posts going on, for", "s"),
    Metric("hold_posts", "posts meanwhile", ""),
    Metric("hold_delivered", "delivered", "%", 3),
    Metric("hold_last_reader", "last reader has it after, median", "ms"),
    Metric("hold_worst", "last reader has it after, slowest post", "ms"),
    Metric("hold_lost", "sockets lost", ""),
    Metric("hold_duplicates", "deliveries made twice", ""),
    Metric("hold_busy", "CPU of the interface processes", "% of a core"),
    Metric("hold_client_busy", "CPU of the load clients", "% of a core"),
    Metric("refused", "handshakes refused at first", ""),
    Metric("empty", "interface CPU without sockets", "% of a core", 2),
    Metric("flat", "interface CPU per handshake: large against smallest", "×", 2),
)
LARGE_METRICS = (
    *(
        Metric(f"{step}_{each.key}", f"{step} crowd: {each.title}", each.unit, each.digits)
        for step in STEPS
        for each in STEP_FIGURES
    ),
    *HOLD_METRICS,
)


class Memory(NamedTuple):
    """KiB: of the interface processes, and of the kernel's whole network, both ends of sockets."""

    pss: float
    rss: float
    slab: float
    buffers: float


class Post(NamedTuple):
    """What became of one post."""

    wanted: int
    delivered: int
    duplicates: int
    seconds: float  # from before it is written until the last reader has it


class Clients:
    """A load client for each server of a stack, told to act at the same time."""

    def __init__(self, stack: Stack, exits: contextlib.ExitStack) -> None:
        self.stack = stack
        self.talkers: list[Talker] = []
        for number in range(len(stack.servers)):
            talker = Talker(f"load client {number + 1}", module("bench.load"))
            exits.callback(talker.stop)
            self.talkers.append(talker)

    def ask(
        self, do: str, timeout: float = ANSWER_TIMEOUT, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Have all carry out one command; return their answers."""
        return self.ask_each([{"do": do} | arguments] * len(self.talkers), timeout)

    def ask_each(self, commands: Sequence[dict[str, Any]], timeout: float) -> list[dict[str, Any]]:
        """Have each carry out its own command."""
        for talker, command in zip(self.talkers, commands, strict=True):
            talker.tell(json.dumps(command))
        return [talker.answer(timeout) for talker in self.talkers]

    def cpu_seconds(self) -> float:
        return sum(talker.cpu_seconds() for talker in self.talkers)


class LargeCrowd:
    """Readers of all servers of a stack, the same number on each but for the remainder."""

    def __init__(self, session: Session, clients: Clients) -> None:
        self.session = session
        self.stack = session.stack
        self.clients = clients
        self.size = 0
        self.refused = 0
        self.empty = self.memory()

    def cpu_seconds(self) -> float:
        """CPU time of all interface processes."""
        return sum(server.cpu_seconds() for server in self.stack.servers)

    def memory(self) -> Memory:
        servers = self.stack.servers
        return Memory(
            sum(server.memory_kib() for server in servers),
            sum(rss_kib(pid) for server in servers for pid in server.pids()),
            slab_kib(),
            tcp_buffers_kib(),
        )

    def grow(self, size: int) -> Figures:
        """Open readers until there are `size`. Raises HandshakesFailed."""
        path = current_path(self.stack)
        newcomers = size - self.size
        commands = [
            {
                "do": "open_readers",
                "count": count,
                "in_flight": self.session.plan.in_flight,
                "payload_size": self.session.plan.payload_size,
                "target": {**self.stack.target(path), "port": port},
                "mark": POST_MARK,
                "network": number,
            }
            for number, (port, count) in enumerate(
                zip(self.stack.ports, shares(newcomers, len(self.stack.ports)), strict=True),
                start=1,
            )
        ]
        before = self.cpu_seconds()
        meter = self.session.meter()
        answers = self.clients.ask_each(commands, OPEN_TIMEOUT)
        # Joining the group and the replay may come after the handshake's answer, but within a
        # moment: what `settle` would wait for is the pulse, which belongs to the idle figure.
        interface, stack = self.cpu_seconds() - before, meter.used().stack
        self.stack.check_alive()
        opened = sum(answer["opened"] for answer in answers)
        refusals: dict[str, int] = {}
        for answer in answers:
            for reason, count in answer["refusals"].items():
                refusals[reason] = refusals.get(reason, 0) + count
        if opened < newcomers:
            raise HandshakesFailed(opened, newcomers, refusals)
        self.size = size
        self.refused += sum(refusals.values())
        return {
            "sockets": size,
            "rate": newcomers / max(answer["seconds"] for answer in answers),
            "handshake": 1e3 * interface / newcomers,
            "stack_handshake": 1e3 * stack / newcomers,
        }

    def idle(self, seconds: float) -> float:
        """CPU seconds per second of all interface processes while nobody does anything."""
        before, started = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.monotonic() - started)

    def post(self) -> Post:
        """Publish one post and wait until every reader has it."""
        self.clients.ask("expect", messages_each=1, pace=0.0)
        published = self.stack.publish(1)
        accounts = self.clients.ask("wait", quiet_seconds=QUIET_SECONDS)
        self.stack.check_alive()
        return Post(
            sum(account["wanted"] for account in accounts),
            sum(account["delivered"] for account in accounts),
            sum(account["duplicates"] for account in accounts),
            max(account["last"] for account in accounts) - published["first"],
        )

    def step(self, size: int) -> Figures:
        """Grow, and measure all STEP_FIGURES."""
        plan = self.session.plan
        figures = self.grow(size)
        self.session.settle()
        growth = [new - old for new, old in zip(self.memory(), self.empty, strict=True)]
        pss, rss, slab, buffers = (each / size for each in growth)
        idle = self.idle(plan.large_idle_seconds)
        before = self.cpu_seconds()
        posts = [self.post() for _ in range(plan.crowd_messages)]
        used = self.cpu_seconds() - before
        return figures | {
            "idle": 1e6 * idle / size,
            "delivery": 1e6 * used / max(1, sum(post.delivered for post in posts)),
            "last_reader": 1e3 * statistics.median(post.seconds for post in posts),
            "delivered": delivered(posts),
            "memory": pss,
            "rss": rss,
            # Both ends of a connection are sockets of this machine.
            "slab": slab / 2,
            "buffers": buffers / 2,
        }

    def hold(self, seconds: float, interval: float) -> Figures:
        """Keep the crowd for `seconds`, with a post every `interval`."""
        posts: list[Post] = []
        before, clients_before = self.cpu_seconds(), self.clients.cpu_seconds()
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            posts.append(self.post())
            rest = min(started + interval * len(posts), started + seconds) - time.monotonic()
            time.sleep(max(0.0, rest))
        elapsed = time.monotonic() - started
        used = self.cpu_seconds() - before
        return {
            "hold_seconds": elapsed,
            "hold_posts": len(posts),
            "hold_delivered": delivered(posts),
            "hold_last_reader": 1e3 * statistics.median(post.seconds for post in posts),
            "hold_worst": 1e3 * max(post.seconds for post in posts),
            "hold_lost": sum(each["lost"] for each in self.clients.ask("census")),
            "hold_duplicates": sum(post.duplicates for post in posts),
            "hold_busy": 100 * used / elapsed,
            "hold_client_busy": 100 * (self.clients.cpu_seconds() - clients_before) / elapsed,
            "refused": self.refused,
        }


def large_crowd(session: Session) -> Figures:
    """The crowd grows in the plan's steps, then it is held."""
    session.close_readers()
    plan = session.plan
    with contextlib.ExitStack() as exits:
        clients = Clients(session.stack, exits)
        # A few readers get one post, so that nothing is measured for the first time.
        crowd = LargeCrowd(session, clients)
        crowd.grow(plan.in_flight)
        crowd.post()
        clients.ask("close_readers")
        session.settle()
        crowd = LargeCrowd(session, clients)
        result = {"empty": 100 * crowd.idle(plan.large_idle_seconds)}
        for name, size in zip(STEPS, plan.large_crowds, strict=True):
            figures = crowd.step(size)
            result |= {f"{name}_{key}": value for key, value in figures.items()}
        result["flat"] = result["large_handshake"] / result["smallest_handshake"]
        result |= crowd.hold(plan.hold_seconds, plan.post_interval)
        clients.ask("close_readers")
    session.settle()
    return result


def shares(count: int, parts: int) -> list[int]:
    """`count` in so many parts that differ by one at most."""
    return [(count + part) // parts for part in range(parts)]


def delivered(posts: Sequence[Post]) -> float:
    """The share of all deliveries that arrived, in percent."""
    return 100 * sum(post.delivered for post in posts) / sum(post.wanted for post in posts)


def rss_kib(pid: int) -> int:
    """Resident set size of a process in KiB."""
    return int(kernel_field(f"/proc/{pid}/status", "VmRSS:"))


def slab_kib() -> int:
    """The kernel's objects in KiB: sockets, files, epoll entries, queued packets."""
    return int(kernel_field("/proc/meminfo", "Slab:"))


def tcp_buffers_kib() -> float:
    """What TCP accounts for its buffers, in KiB: `mem` of /proc/net/sockstat, in pages."""
    fields = kernel_field("/proc/net/sockstat", "TCP:", whole=True).split()
    return PAGE_KIB * int(fields[fields.index("mem") + 1])


def kernel_field(path: str, name: str, whole: bool = False) -> str:
    """The first word (or the whole rest) of the line that begins with `name`."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            rest = line.removeprefix(name).strip()
            return rest if whole else rest.split()[0]
    raise ValueError(f"{path} has no {name}")
