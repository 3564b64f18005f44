"""Closed loop: publish one message, wait until every reader has it, publish the next."""

import statistics
import time

from bench.scenarios import delivery
from bench.scenarios.base import Metric, Scenario

# A median of fewer than three messages says nothing, however slow the system.
LEAST_MESSAGES = 3

METRICS = (Metric("last_reader", "last reader has it after", "ms", 1), *delivery.METRICS)


def rounds(session, one_round, messages, seconds):
    """Do `one_round()` up to `messages` times in up to `seconds`; return (its answers, Used)."""
    answers = []
    one_round()
    meter = session.meter()
    started = time.monotonic()
    while len(answers) < messages:
        if len(answers) >= LEAST_MESSAGES and time.monotonic() - started > seconds:
            break
        answers.append(one_round())
    return answers, meter.used()


def figures(answers, used):
    """The METRICS of what `rounds` returned; each answer is (account, seconds)."""
    accounts, last_reader = zip(*answers, strict=True)
    median = statistics.median(last_reader)
    return {"last_reader": 1e3 * median} | delivery.figures(accounts, used)


def closed_loop(session, messages, seconds):
    """Broadcast up to `messages` in up to `seconds`; return the metrics."""
    return figures(*rounds(session, lambda: session.broadcast(1), messages, seconds))


def measure(session):
    session.crowd()
    plan = session.plan
    return closed_loop(session, plan.broadcast_messages, plan.broadcast_seconds)


SCENARIO = Scenario("broadcast", "broadcast, one message at a time", METRICS, measure)
