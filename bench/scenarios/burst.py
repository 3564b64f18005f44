"""Burst: publish many messages without waiting for anyone.

The load client is paced (see `bench.client.readers.Crowd.expect`): otherwise its keeping up or
falling behind would decide the CPU figure, and differently each time.
"""

from bench.scenarios import delivery
from bench.scenarios.base import Metric, Scenario

LEAST_MESSAGES = 10


def measure(session):
    session.crowd()
    plan = session.plan
    # The first burst fills every buffer for the first time; it also tells how much is enough.
    account, elapsed = session.broadcast(LEAST_MESSAGES, plan.pace)
    fitting = int(LEAST_MESSAGES * plan.burst_seconds / elapsed)
    messages = max(LEAST_MESSAGES, min(plan.burst_messages, fitting))
    if messages == plan.burst_messages:
        session.broadcast(messages, plan.pace)
    session.settle()
    meter = session.meter()
    account, elapsed = session.broadcast(messages, plan.pace)
    figures = delivery.figures([account], meter.used())
    return {"rate": account["delivered"] / elapsed, "messages": messages} | figures


SCENARIO = Scenario(
    "burst",
    "broadcast, a burst of messages",
    (
        Metric("rate", "deliveries", "1/s"),
        Metric("messages", "messages in the burst", ""),
        *delivery.METRICS,
    ),
    measure,
)
