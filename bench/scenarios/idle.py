"""Nobody reads, nobody writes: what the stack costs just by being there."""

import time

from bench.scenarios.base import Metric, Scenario


def measure(session):
    session.settle()
    redis = session.stack.redis
    commands = redis.commands_processed() if redis else 0
    meter = session.meter()
    time.sleep(session.plan.idle_seconds)
    used = meter.used()
    result = {"cpu": 100 * used.stack / used.wall}
    if redis:
        # The second look at the counter is itself a command.
        result["redis_commands"] = (redis.commands_processed() - commands - 1) / used.wall
    return result


SCENARIO = Scenario(
    "idle",
    "idle stack",
    (
        Metric("cpu", "CPU of the idle stack", "% of a core", 2),
        Metric("redis_commands", "Redis commands of the idle stack", "1/s", 1),
    ),
    measure,
)
