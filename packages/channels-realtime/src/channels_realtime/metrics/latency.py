"""How long the stages of a message take, counted as Prometheus's histograms do."""

from bisect import bisect_left
from typing import TypedDict

# s. From a round trip to a Redis on the same machine up to what a reader takes for an outage. The
# same in all processes, so that Prometheus can add them up.
BOUNDS = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

STAGES = {
    "commit_to_layer": "from a commit in the database until Redis has the broadcast",
    "layer_to_interface": "from there until an interface server has read it",
    "interface_to_sockets": "from there until the last socket of the group has it",
    "admission": "a handshake waits until workers may have it",
    "handshake": "from there until it is accepted",
    "replay": "a worker reads what a client has missed",
    "event_loop_lag": "an interface server's timer is late",
    "redis_round_trip": "an interface server's heartbeat is answered",
}


class LatencyReport(TypedDict):
    """`counts`: one for each of BOUNDS, and one for what took longer; `seconds`: their sum."""

    counts: list[int]
    seconds: float


class Histogram:
    """Durations of one stage, by the smallest of BOUNDS that each is not above."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float, number: int = 1) -> None:
        """Count `number` durations. One below 0, between two clocks, counts as 0."""
        if seconds > 0:
            self.counts[bisect_left(BOUNDS, seconds)] += number
            self.seconds += seconds * number
        else:
            self.counts[0] += number

    def add(self, report: LatencyReport) -> None:
        """Add what another one has counted; nothing where its bounds were others."""
        if len(report["counts"]) == len(self.counts):
            pairs = zip(self.counts, report["counts"], strict=True)
            self.counts = [own + other for own, other in pairs]
            self.seconds += report["seconds"]

    def report(self) -> LatencyReport:
        return {"counts": self.counts, "seconds": self.seconds}


def buckets(report: LatencyReport) -> list[tuple[str, float]]:
    """Its buckets as prometheus_client takes them: each also counts those before it."""
    found, total = [], 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), report["counts"], strict=True):
        total += count
        found.append((bound, float(total)))
    return found
