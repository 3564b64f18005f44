"""What a crowd costs that does nothing: sockets on one process, with the pulse going.

A pulse and the pings that go with it take a tenth of a second, and then nothing happens until the
next one. So each crowd is measured from one pulse to another: the figure does not depend on how
many happen to be within a fixed time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.metrics import Figures, Metric
from bench.plan import Plan

if TYPE_CHECKING:
    from bench.session import Session
    from bench.systems import Stack

SIZES = ("small", "large")
LOOK = 0.5  # s between two looks at what the readers have received
PONGS_WITHIN = 0.5  # s after a pulse
PULSE_WITHIN = 60.0  # s; the interval is 2 s, or 16 s with 10,000 readers
IDLE_FIGURES = (
    Metric("sockets", "sockets", ""),
    Metric("cpu", "server CPU per socket and second", "µs", 2),
    Metric("server", "server CPU", "% of a core", 2),
    Metric("stack", "CPU of the whole stack", "% of a core", 2),
    Metric("seconds", "measured for", "s"),
    Metric("frames", "pulses per socket and minute", "", 1),
    Metric("pings", "pings per socket and minute", "", 1),
    Metric("lost", "sockets lost", ""),
)
IDLE_METRICS = (
    Metric("empty_server", "server CPU without sockets", "% of a core", 2),
    *(
        Metric(f"{size}_{each.key}", f"{size} crowd: {each.title}", each.unit, each.digits)
        for size in SIZES
        for each in IDLE_FIGURES
    ),
)


def sizes(plan: Plan) -> dict[str, int]:
    """The sockets of each crowd."""
    return dict(zip(SIZES, plan.idle_crowds, strict=True))


def current_path(stack: Stack) -> str:
    """The path of a reader that has everything, so that its replay is empty. Makes a post."""
    return f"{stack.reader_path}?after={stack.publish(1)['revision']:.0f}"


def idle_crowd(session: Session) -> Figures:
    """Silent readers, one crowd after the other."""
    session.close_readers()
    session.open_readers(session.plan.in_flight, current_path(session.stack))
    session.close_readers()
    result = {"empty_server": 100 * empty_server(session)}
    for name, count in sizes(session.plan).items():
        session.open_readers(count, current_path(session.stack))
        time.sleep(session.plan.idle_warm_up)
        result |= {f"{name}_{key}": value for key, value in silence(session, count).items()}
        session.close_readers()
    return result


def empty_server(session: Session) -> float:
    """CPU seconds of the server per second while nobody is there."""
    meter = session.meter()
    time.sleep(session.plan.idle_seconds)
    used = meter.used()
    return used.server / used.wall


def silence(session: Session, count: int) -> Figures:
    """IDLE_FIGURES of the readers that are open, from one pulse to another: the first that comes
    after the plan's `idle_seconds`."""
    before = after_pulse(session, count)
    meter = session.meter()
    time.sleep(session.plan.idle_seconds)
    after = after_pulse(session, count)
    used = meter.used()
    session.stack.check_alive()

    def rate(name: str) -> float:
        """Per socket and minute."""
        return 60 * (after[name] - before[name]) / used.wall / count

    return {
        "sockets": count,
        "cpu": 1e6 * used.server / used.wall / count,
        "server": 100 * used.server / used.wall,
        "stack": 100 * used.stack / used.wall,
        "seconds": used.wall,
        "frames": rate("frames"),
        "pings": rate("pings"),
        "lost": after["lost"],
    }


def after_pulse(session: Session, count: int) -> dict[str, int]:
    """The load client's census when the next pulse has reached all readers, and their pongs the
    server. Raises ProcessFailed."""
    deadline = time.monotonic() + PULSE_WITHIN
    first = seen = session.ask_client("census")
    while seen["frames"] - first["frames"] < count - seen["lost"]:
        if time.monotonic() > deadline:
            raise session.stack.server.fail(f"sent no pulse within {PULSE_WITHIN:.0f} s")
        time.sleep(LOOK)
        seen = session.ask_client("census")
    time.sleep(PONGS_WITHIN)
    return session.ask_client("census")
