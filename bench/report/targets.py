"""What ours must reach. Ratios count: absolute figures drift with the machine."""

from dataclasses import dataclass

from bench.stats import ratio

OURS = "ours"


@dataclass(frozen=True)
class Target:
    """`scenario.metric` of ours, against the same of `against`, or alone where that is None."""

    what: str
    scenario: str
    metric: str
    sense: str  # "<=", "<", ">="
    limit: float
    against: str | None = None
    unit: str = ""


TARGETS = (
    Target("delivered, closed loop", "broadcast", "delivered", ">=", 100, unit="%"),
    Target("delivered, burst", "burst", "delivered", ">=", 100, unit="%"),
    Target("delivered, largest crowd", "crowd", "delivered", ">=", 100, unit="%"),
    Target("server CPU a delivery, closed loop", "broadcast", "server_cpu", "<=", 1.0, "nchan"),
    Target("server CPU a delivery, burst", "burst", "server_cpu", "<=", 1.5, "nchan"),
    Target("server CPU a delivery, burst, next step", "burst", "server_cpu", "<=", 1.0, "nchan"),
    Target("last reader of a broadcast", "broadcast", "last_reader", "<=", 1.0, "node-ws"),
    Target("handshakes/s", "handshake", "rate", ">=", 1.0, "channels4-uvicorn"),
    Target("CPU a handshake, whole stack", "handshake", "cpu", "<=", 1.0, "channels4-uvicorn"),
    Target("memory a socket", "memory", "socket", "<=", 12, unit="KiB"),
    Target("memory a socket, next step", "memory", "socket", "<=", 10, unit="KiB"),
    Target("echo round trips/s", "echo", "rate", ">=", 1.0, "channels4-uvicorn"),
    Target("plain HTTP view, requests/s", "http", "rate", ">=", 1.5, "channels4-daphne"),
    Target(
        "reader page through nginx, against a static file",
        "page",
        "plain_ratio",
        ">=",
        0.8,
        unit="×",
    ),
    Target(
        "the same page as browsers ask for it, compressed",
        "page",
        "gzip_rate",
        ">=",
        10_000,
        unit="/s",
    ),
    Target("idle stack, CPU", "idle", "cpu", "<", 1, unit="% of a core"),
    Target("idle stack, Redis commands/s", "idle", "redis_commands", "<", 5),
)


def judge(target, results):
    """Return (ours, theirs, the figure that counts, whether it is reached) as medians.

    None in place of what was not measured; the figure that counts is the ratio, or ours alone.
    """
    ours = results.summary(OURS, target.scenario, target.metric)
    theirs = None
    if target.against:
        theirs = results.summary(target.against, target.scenario, target.metric)
    if ours is None or (target.against and theirs is None):
        return ours, theirs, None, None
    figure = ratio(ours.median, theirs.median) if target.against else ours.median
    return ours, theirs, figure, reached(figure, target.sense, target.limit)


def reached(figure, sense, limit):
    """Whether `figure sense limit` holds."""
    if sense == ">=":
        return figure >= limit
    return figure <= limit if sense == "<=" else figure < limit
