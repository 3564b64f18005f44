"""Readers who only listen: what each costs the server in memory."""

from bench.scenarios.base import Metric, Scenario


def measure(session):
    opening = session.crowd()
    return {"socket": opening.memory_kib / opening.readers}


SCENARIO = Scenario(
    "memory",
    "memory of the server a socket",
    (Metric("socket", "memory a socket", "KiB", 1),),
    measure,
)
