"""A tiny Django view, uncached, over 16 keep-alive connections."""

from bench.errors import BenchError
from bench.scenarios.base import Metric, Scenario

WARM_UP_SECONDS = 1.0


def measure(session):
    plan = session.plan
    session.close_readers()
    load = {
        "connections": plan.http_connections,
        "target": session.stack.target(session.stack.http_path),
    }
    session.ask_client("run_http", seconds=WARM_UP_SECONDS, **load)
    meter = session.meter()
    run = session.ask_client("run_http", seconds=plan.http_seconds, **load)
    used = meter.used()
    session.stack.check_alive()
    if not run["ok"]:
        raise BenchError(f"no request was answered with 200, but with {run['others']}")
    return {
        "rate": run["ok"] / run["seconds"],
        "p50": 1e3 * run["p50"],
        "p99": 1e3 * run["p99"],
        "stack_cpu": 1e6 * used.stack / run["ok"],
        "errors": sum(run["others"].values()),
    }


SCENARIO = Scenario(
    "http",
    "plain HTTP view",
    (
        Metric("rate", "requests", "1/s"),
        Metric("p50", "median response", "ms", 1),
        Metric("p99", "99th percentile", "ms", 1),
        Metric("stack_cpu", "CPU a request, whole stack", "µs"),
        Metric("errors", "answers other than 200", ""),
    ),
    measure,
)
