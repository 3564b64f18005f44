"""All readers come back, 100 at a time, as after a lost network."""

from bench.scenarios.base import Metric, Scenario


def measure(session):
    opening = session.crowd_again()
    return {
        "rate": opening.readers / opening.seconds,
        "cpu": 1e3 * opening.used.stack / opening.readers,
        "server_cpu": 1e3 * opening.used.server / opening.readers,
        "refused": opening.refused,
        "client_cpu": 1e3 * opening.used.client / opening.readers,
    }


SCENARIO = Scenario(
    "handshake",
    "opening handshakes",
    (
        Metric("rate", "handshakes", "1/s"),
        Metric("cpu", "CPU a handshake, whole stack", "ms", 3),
        Metric("server_cpu", "CPU a handshake, server alone", "ms", 3),
        Metric("refused", "handshakes refused at first", ""),
        Metric("client_cpu", "the load client's own CPU a handshake", "ms", 3),
    ),
    measure,
)
