"""The largest crowd on one server: does everyone get everything?"""

from bench.scenarios import broadcast
from bench.scenarios.base import Metric, Scenario

# 120 s: by then a system that is only slow has shown what it can do.
SECONDS = 120


def measure(session):
    plan = session.plan
    session.close_readers()
    memory = session.stack.server.memory_kib()
    _, seconds = session.open_readers(plan.crowd_readers)
    session.settle()
    growth = session.stack.server.memory_kib() - memory
    result = broadcast.closed_loop(session, plan.crowd_messages, SECONDS)
    session.close_readers()
    arrival = {"rate": plan.crowd_readers / seconds, "socket": growth / plan.crowd_readers}
    return arrival | result


SCENARIO = Scenario(
    "crowd",
    "broadcast to the largest crowd",
    (
        Metric("rate", "handshakes", "1/s"),
        Metric("socket", "memory a socket", "KiB", 1),
        *broadcast.METRICS,
    ),
    measure,
    repetitions=lambda plan: plan.crowd_repetitions,
)
