"""What `Group` is for: consumers/echo.py, which has one, beside consumers/by_hand.py, which loops.

One reader sends, the consumer hands the message on to all. The worker's part counts here, so each
process is told apart.
"""

from dataclasses import dataclass

from bench.scenarios import broadcast
from bench.scenarios.base import Metric, Scenario

READERS = (100, 1000)


@dataclass(frozen=True)
class Way:
    """A consumer that hands on to all what one sends."""

    key: str
    title: str
    path: str


WAYS = (
    Way("group", "`Group`", "/channel/test/"),
    Way("loop", "a loop over a Redis set", "/channel/by-hand/"),
)
FIGURES = (
    Metric("delivered", "delivered", "%", 2),
    Metric("last_reader", "last reader has it after", "ms", 1),
    Metric("stack_cpu", "CPU a delivery, whole stack", "µs", 1),
    Metric("worker_cpu", "of it the worker", "µs", 1),
    Metric("redis_cpu", "Redis", "µs", 1),
    Metric("server_cpu", "interface server", "µs", 1),
)


def key(way, readers, figure):
    """The metric that is one figure of one way with so many readers."""
    return f"{way.key}_{readers}_{figure.key}"


METRICS = tuple(
    Metric(
        key(way, readers, figure),
        f"{way.title}, {readers:,} readers: {figure.title}",
        figure.unit,
        figure.digits,
    )
    for readers in READERS
    for way in WAYS
    for figure in FIGURES
)


def one_way(session, way, readers):
    """The FIGURES of one way with so many readers, by their keys."""
    plan = session.plan
    session.open_readers(readers, way.path)
    session.settle()
    messages, seconds = plan.by_hand_messages, plan.by_hand_seconds
    answers, used = broadcast.rounds(session, session.say, messages, seconds)
    session.close_readers()
    each = 1e6 / max(1, sum(account["delivered"] for account, _ in answers))
    return broadcast.figures(answers, used) | {
        "worker_cpu": used.processes["runworker"] * each,
        "redis_cpu": used.processes["redis-server"] * each,
    }


def measure(session):
    session.close_readers()
    result = {}
    for readers in READERS:
        for way in WAYS:
            figures = one_way(session, way, readers)
            result |= {key(way, readers, figure): figures[figure.key] for figure in FIGURES}
    return result


SCENARIO = Scenario(
    "by-hand",
    "Group beside a loop by hand",
    METRICS,
    measure,
    repetitions=lambda plan: plan.by_hand_repetitions,
)
