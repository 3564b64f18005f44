"""What a crowd costs that does nothing: sockets on one process, with the pulse going."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.metrics import Figures, Metric
from bench.plan import Plan

if TYPE_CHECKING:
    from bench.session import Session
    from bench.systems import Stack

SIZES = ("small", "large")
IDLE_FIGURES = (
    Metric("sockets", "sockets", ""),
    Metric("cpu", "server CPU per socket and second", "µs", 2),
    Metric("server", "server CPU", "% of a core", 2),
    Metric("stack", "CPU of the whole stack", "% of a core", 2),
    Metric("frames", "data frames per socket and minute", "", 1),
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
    result = {"empty_server": silence(session, 0)["server"]}
    for name, count in sizes(session.plan).items():
        session.open_readers(count, current_path(session.stack))
        result |= {f"{name}_{key}": value for key, value in silence(session, count).items()}
        session.close_readers()
    return result


def silence(session: Session, count: int) -> Figures:
    """IDLE_FIGURES of the readers that are open, over the plan's `idle_seconds`."""
    before = session.ask_client("census")
    meter = session.meter()
    time.sleep(session.plan.idle_seconds)
    used = meter.used()
    after = session.ask_client("census")
    session.stack.check_alive()
    frames = after["frames"] - before["frames"]
    return {
        "sockets": count,
        "cpu": 1e6 * used.server / used.wall / max(1, count),
        "server": 100 * used.server / used.wall,
        "stack": 100 * used.stack / used.wall,
        "frames": 60 * frames / used.wall / max(1, count),
        "lost": after["lost"],
    }
