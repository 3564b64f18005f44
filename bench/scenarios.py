"""The scenarios, in the order in which a session runs them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench import product
from bench.crowds import idle as idle_crowds
from bench.crowds import jitter, large
from bench.errors import BenchError, HandshakesFailed, UnknownName
from bench.metrics import Figures, Metric
from bench.plan import Plan
from bench.session import Delivery, Session, Used


@dataclass(frozen=True)
class Scenario:
    """`measure(session)` returns a number for each metric, of one repetition."""

    name: str
    title: str
    measure: Callable[[Session], Figures]
    metrics: tuple[Metric, ...]
    is_long: bool = False  # too long to be repeated as often as the others

    def repetitions(self, plan: Plan) -> int:
        return min(plan.repetitions, plan.long_repetitions) if self.is_long else plan.repetitions


# Nobody reads, nobody writes


def idle(session: Session) -> Figures:
    """What the stack costs just by being there."""
    session.settle()
    commands = commands_processed(session)
    meter = session.meter()
    time.sleep(session.plan.seconds)
    used = meter.used()
    result = {"cpu": 100 * used.stack / used.wall}
    if session.stack.redis:
        # The second look at the counter is itself a command.
        result["redis_commands"] = (commands_processed(session) - commands - 1) / used.wall
    return result


def commands_processed(session: Session) -> int:
    """How many commands the stack's Redis has run, this one included; 0 where it has none."""
    redis = session.stack.redis
    return int(redis.info("stats")["total_commands_processed"]) if redis else 0


# Readers come


def memory(session: Session) -> Figures:
    """Readers who only listen."""
    opening = session.crowd()
    return {"socket": opening.memory_kib / opening.readers}


def handshake(session: Session) -> Figures:
    """All readers come back, 100 at a time, as after a lost network."""
    opening = session.crowd_again()
    used = opening.used
    return {
        "rate": opening.readers / opening.seconds,
        "cpu": 1e3 * used.stack / opening.readers,
        "server_cpu": 1e3 * used.server / opening.readers,
        "refused": opening.refused,
        "client_cpu": 1e3 * used.client / opening.readers,
    }


# Readers get something

DELIVERY = (
    Metric("delivered", "delivered", "%", 2),
    Metric("server_cpu", "server CPU per delivery", "µs", 2),
    Metric("stack_cpu", "CPU per delivery, whole stack", "µs", 2),
    Metric("client_cpu", "the load client's own CPU per delivery", "µs", 2),
    Metric("duplicates", "deliveries made twice", ""),
    Metric("lost_sockets", "sockets lost", ""),
)
LAST_READER = Metric("last_reader", "last reader has it after", "ms", 1)
LEAST_MESSAGES = 3  # a median of fewer says nothing, however slow the system
LEAST_BURST = 10
CROWD_SECONDS = 120  # by then a system that is only slow has shown what it can do


class Rounds(NamedTuple):
    """Broadcasts one after the other, and what they cost together."""

    deliveries: list[Delivery]
    used: Used

    def figures(self) -> Figures:
        median = statistics.median(each.seconds for each in self.deliveries)
        return {"last_reader": 1e3 * median} | delivery_figures(self.deliveries, self.used)


def delivery_figures(deliveries: Sequence[Delivery], used: Used) -> Figures:
    """The DELIVERY metrics."""
    accounts = [each.account for each in deliveries]
    delivered = sum(account["delivered"] for account in accounts)
    each = 1e6 / max(1, delivered)
    return {
        "delivered": 100 * delivered / sum(account["wanted"] for account in accounts),
        "server_cpu": used.server * each,
        "stack_cpu": used.stack * each,
        "client_cpu": used.client * each,
        "duplicates": sum(account["duplicates"] for account in accounts),
        "lost_sockets": accounts[-1]["lost_sockets"],
    }


def closed_loop(
    session: Session, send: Callable[[], Delivery], messages: int, seconds: float
) -> Rounds:
    """Send one message, wait until every reader has it, send the next."""
    send()
    deliveries: list[Delivery] = []
    meter = session.meter()
    started = time.monotonic()
    while len(deliveries) < messages:
        if len(deliveries) >= LEAST_MESSAGES and time.monotonic() - started > seconds:
            break
        deliveries.append(send())
    return Rounds(deliveries, meter.used())


def broadcast(session: Session) -> Figures:
    session.crowd()
    plan = session.plan
    rounds = closed_loop(
        session, lambda: session.broadcast(1), plan.broadcast_messages, plan.broadcast_seconds
    )
    return rounds.figures()


def burst(session: Session) -> Figures:
    """Publish many messages without waiting for anyone; the load client is paced."""
    session.crowd()
    plan = session.plan
    # The first burst fills every buffer for the first time; it also tells how much is enough.
    first = session.broadcast(LEAST_BURST, plan.pace)
    fitting = int(LEAST_BURST * plan.burst_seconds / first.seconds)
    messages = max(LEAST_BURST, min(plan.burst_messages, fitting))
    if messages == plan.burst_messages:
        session.broadcast(messages, plan.pace)
    session.settle()
    meter = session.meter()
    delivery = session.broadcast(messages, plan.pace)
    figures = delivery_figures([delivery], meter.used())
    rate = delivery.account["delivered"] / delivery.seconds
    return {"rate": rate, "messages": messages} | figures


def crowd(session: Session) -> Figures:
    """The largest crowd on one server: does everyone get everything?"""
    plan = session.plan
    session.close_readers()
    opening = session.open_readers(plan.crowd_readers)
    rounds = closed_loop(session, lambda: session.broadcast(1), plan.crowd_messages, CROWD_SECONDS)
    session.close_readers()
    arrival = {
        "rate": opening.readers / opening.seconds,
        "socket": opening.memory_kib / opening.readers,
    }
    return arrival | rounds.figures()


# What `Group` is for: consumers/echo.py, which has one, beside consumers/by_hand.py, which loops

BY_HAND = (
    Metric("delivered", "delivered", "%", 2),
    LAST_READER,
    Metric("stack_cpu", "CPU per delivery, whole stack", "µs", 1),
    Metric("worker_cpu", "of it the worker", "µs", 1),
    Metric("redis_cpu", "Redis", "µs", 1),
    Metric("server_cpu", "interface server", "µs", 1),
)


class Way(NamedTuple):
    """A consumer that hands on to all readers what one of them sends."""

    title: str
    path: str


WAYS = {
    "group": Way("`Group`", "/channel/test/"),
    "loop": Way("a loop over a Redis set", "/channel/by-hand/"),
}


def by_hand(session: Session) -> Figures:
    plan = session.plan
    result: Figures = {}
    session.close_readers()
    for key, way in WAYS.items():
        session.open_readers(plan.readers, way.path)
        rounds = closed_loop(session, session.say, plan.broadcast_messages, plan.broadcast_seconds)
        session.close_readers()
        each = 1e6 / max(1, sum(d.account["delivered"] for d in rounds.deliveries))
        processes = rounds.used.processes
        figures = rounds.figures() | {
            "worker_cpu": processes["runworker"] * each,
            "redis_cpu": processes["redis-server"] * each,
        }
        result |= {f"{key}_{metric.key}": figures[metric.key] for metric in BY_HAND}
    return result


# Requests and messages that a worker answers

ECHO_SIZE = 64  # bytes
# 1 s before the measured load: code paths and buffers are warm then.
WARM_UP_SECONDS = 1.0
ROUND_TRIP = (
    Metric("p50", "median", "ms", 1),
    Metric("p99", "99th percentile", "ms", 1),
    Metric("stack_cpu", "CPU each, whole stack", "µs"),
    Metric("client_busy", "the load client's own CPU", "% of a core"),
)


def measured_load(session: Session, command: str, **options: Any) -> Figures:
    """Have the client make a load for the plan's seconds, after a shorter one to warm up."""
    session.ask_client(command, seconds=WARM_UP_SECONDS, **options)
    meter = session.meter()
    answer = session.ask_client(command, seconds=session.plan.seconds, **options)
    used = meter.used()
    session.stack.check_alive()
    if not answer["ok"]:
        raise BenchError(f"nothing was answered well, but {answer.get('others')}")
    return {
        "rate": answer["ok"] / answer["seconds"],
        "p50": 1e3 * answer["p50"],
        "p99": 1e3 * answer["p99"],
        "stack_cpu": 1e6 * used.stack / answer["ok"],
        "client_busy": 100 * used.client / used.wall,
        "errors": sum(answer.get("others", {}).values()) + answer.get("lost_sockets", 0),
    }


def echo(session: Session) -> Figures:
    """A message comes in, a consumer answers it: round trips with 100 clients, each waiting."""
    count = session.plan.echo_clients
    session.close_readers()
    target = session.stack.target("/channel/echo/")
    answer = session.ask_client("open_echo", count=count, payload_size=ECHO_SIZE, target=target)
    if answer["opened"] < count:
        raise HandshakesFailed(answer["opened"], count, answer["refusals"])
    figures = measured_load(session, "run_echo")
    session.ask_client("close_echo")
    session.settle()
    return figures


def http(session: Session) -> Figures:
    """A tiny Django view, uncached, over 16 keep-alive connections."""
    session.close_readers()
    target = session.stack.target("/plain/")
    connections = session.plan.http_connections
    return measured_load(session, "run_http", connections=connections, target=target)


ALL = (
    Scenario(
        "idle",
        "idle stack",
        idle,
        (
            Metric("cpu", "CPU of the idle stack", "% of a core", 2),
            Metric("redis_commands", "Redis commands of the idle stack", "1/s", 1),
        ),
    ),
    Scenario(
        "memory",
        "memory of the server per socket",
        memory,
        (Metric("socket", "memory per socket", "KiB", 1),),
    ),
    Scenario(
        "handshake",
        "opening handshakes",
        handshake,
        (
            Metric("rate", "handshakes", "1/s"),
            Metric("cpu", "CPU per handshake, whole stack", "ms", 3),
            Metric("server_cpu", "CPU per handshake, server alone", "ms", 3),
            Metric("refused", "handshakes refused at first", ""),
            Metric("client_cpu", "the load client's own CPU per handshake", "ms", 3),
        ),
    ),
    Scenario("broadcast", "broadcast, one message at a time", broadcast, (LAST_READER, *DELIVERY)),
    Scenario(
        "burst",
        "broadcast, a burst of messages",
        burst,
        (
            Metric("rate", "deliveries", "1/s"),
            Metric("messages", "messages in the burst", ""),
            *DELIVERY,
        ),
    ),
    Scenario(
        "echo",
        "echo through a consumer",
        echo,
        (
            Metric("rate", "round trips", "1/s"),
            *ROUND_TRIP,
            Metric("errors", "sockets lost", ""),
        ),
    ),
    Scenario(
        "http",
        "plain HTTP view",
        http,
        (
            Metric("rate", "requests", "1/s"),
            *ROUND_TRIP,
            Metric("errors", "answers other than 200", ""),
        ),
    ),
    Scenario(
        "crowd",
        "broadcast to the largest crowd",
        crowd,
        (
            Metric("rate", "handshakes", "1/s"),
            Metric("socket", "memory per socket", "KiB", 1),
            LAST_READER,
            *DELIVERY,
        ),
        is_long=True,
    ),
    Scenario(
        "by-hand",
        "Group beside a loop by hand",
        by_hand,
        tuple(
            Metric(f"{key}_{each.key}", f"{way.title}: {each.title}", each.unit, each.digits)
            for key, way in WAYS.items()
            for each in BY_HAND
        ),
        is_long=True,
    ),
    Scenario(
        "page",
        "the reader's page through nginx",
        product.page,
        product.PAGE_METRICS,
        is_long=True,
    ),
    Scenario("herd", "a herd after a kill -9", product.herd, product.HERD_METRICS, is_long=True),
    Scenario(
        "idle-crowd",
        "silent sockets with the pulse going",
        idle_crowds.idle_crowd,
        idle_crowds.IDLE_METRICS,
        is_long=True,
    ),
    Scenario(
        "jitter",
        "readers on a bad network",
        jitter.jitter,
        jitter.JITTER_METRICS,
        is_long=True,
    ),
    Scenario(
        "large-crowd",
        "the largest crowd on several interface processes",
        large.large_crowd,
        large.LARGE_METRICS,
        is_long=True,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in ALL}


def choose(names: Sequence[str]) -> list[Scenario]:
    """The scenarios with these names; all when there are none. Raises UnknownName."""
    for name in names:
        if name not in SCENARIOS:
            raise UnknownName("--scenarios", name, SCENARIOS)
    return [scenario for name, scenario in SCENARIOS.items() if not names or name in names]
