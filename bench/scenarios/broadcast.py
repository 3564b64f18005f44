"""Closed loop: publish one message, wait until every reader has it, publish the next."""

import statistics
import time

from bench.scenarios import delivery
from bench.scenarios.base import Metric, Scenario

# A median of fewer than three messages says nothing, however slow the system.
LEAST_MESSAGES = 3

METRICS = (Metric("last_reader", "last reader has it after", "ms", 1), *delivery.METRICS)


def closed_loop(session, messages, seconds):
    """Broadcast up to `messages` in up to `seconds`; return the metrics."""
    accounts, last_reader = [], []
    session.broadcast(1)
    meter = session.meter()
    started = time.monotonic()
    while len(accounts) < messages:
        if len(accounts) >= LEAST_MESSAGES and time.monotonic() - started > seconds:
            break
        account, elapsed = session.broadcast(1)
        accounts.append(account)
        last_reader.append(elapsed)
    figures = delivery.figures(accounts, meter.used())
    return {"last_reader": 1e3 * statistics.median(last_reader)} | figures


def measure(session):
    session.crowd()
    plan = session.plan
    return closed_loop(session, plan.broadcast_messages, plan.broadcast_seconds)


SCENARIO = Scenario("broadcast", "broadcast, one message at a time", METRICS, measure)
