"""A message comes in, a consumer answers it: round trips with 100 clients, each waiting."""

from bench.errors import BenchError, HandshakesFailed
from bench.scenarios.base import Metric, Scenario

PAYLOAD_SIZE = 64
# 1 s of echo before the measured one: code paths and buffers are warm then.
WARM_UP_SECONDS = 1.0


def measure(session):
    plan = session.plan
    session.close_readers()
    answer = session.ask_client(
        "open_echo",
        count=plan.echo_clients,
        payload_size=PAYLOAD_SIZE,
        target=session.stack.target(session.stack.echo_path),
    )
    if answer["opened"] < plan.echo_clients:
        raise HandshakesFailed(answer["opened"], plan.echo_clients, answer["refusals"])
    session.ask_client("run_echo", seconds=WARM_UP_SECONDS)
    meter = session.meter()
    run = session.ask_client("run_echo", seconds=plan.echo_seconds)
    used = meter.used()
    session.ask_client("close_echo")
    session.stack.check_alive()
    session.settle()
    if not run["count"]:
        raise BenchError("no echo came back")
    return {
        "rate": run["count"] / run["seconds"],
        "p50": 1e3 * run["p50"],
        "p99": 1e3 * run["p99"],
        "stack_cpu": 1e6 * used.stack / run["count"],
        "server_cpu": 1e6 * used.server / run["count"],
        "lost_sockets": run["lost_sockets"],
    }


SCENARIO = Scenario(
    "echo",
    "echo through a consumer",
    (
        Metric("rate", "round trips", "1/s"),
        Metric("p50", "median round trip", "ms", 1),
        Metric("p99", "99th percentile", "ms", 1),
        Metric("stack_cpu", "CPU a round trip, whole stack", "µs"),
        Metric("server_cpu", "CPU a round trip, server alone", "µs"),
        Metric("lost_sockets", "sockets lost", ""),
    ),
    measure,
)
