"""Faults of the product's own processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from harness.process import starved, stopped

from tests.chaos.cells import Cell, Dependency, Fault
from tests.chaos.faults import fault
from tests.chaos.network.proxy import Mangling
from tests.chaos.network.servers import RUNNING, STOPPED

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

ONE_OF_TWO = 0.4  # minimum share of requests, while one of two processes is down


def chosen(stage: Stage, cell: Cell) -> list[str]:
    """The names of the processes that the cell affects."""
    group = "workers" if cell.dependency is Dependency.WORKERS else str(cell.dependency)
    group = {"worker": "workers"}.get(group, group)
    names = sorted(stage.tree.members(group))
    if cell.dependency in (Dependency.WORKER, Dependency.INTERFACE):
        names = [stage.random.choice(names)]
    return names


@fault(Dependency.WORKER, Fault.KILLED, serves=ONE_OF_TWO, loses_requests=True)
@fault(Dependency.INTERFACE, Fault.KILLED, takes_sockets=True, cuts_requests=True)
@fault(Dependency.TERMINAL, Fault.KILLED)
def process_killed(stage: Stage, cell: Cell) -> Iterator[None]:
    """kill -9, and again after each restart by supervisord, until the end."""
    with stage.tree.killing(chosen(stage, cell), stage.random):
        yield


@fault(Dependency.WORKERS, Fault.KILLED, loses_requests=True)
def workers_killed(stage: Stage, cell: Cell) -> Iterator[None]:
    """Every worker is killed in the middle of a consumer, and again until the end."""
    # The database is locked meanwhile, so that the posts stay in the workers.
    with ExitStack() as killing:
        with stage.lock():
            stage.wait_for_posts_under_way()
            killing.enter_context(stage.tree.killing(chosen(stage, cell), stage.random))
        yield


@fault(Dependency.PULSE, Fault.KILLED)
def pulse_killed(stage: Stage, cell: Cell) -> Iterator[None]:
    """kill -9, repeatedly, while half of all broadcasts are lost."""
    stage.rough.mangling = Mangling(drop=0.5)
    with stage.tree.killing(chosen(stage, cell), stage.random):
        try:
            yield
        finally:
            stage.rough.mangling = None


@fault(Dependency.WORKER, Fault.RESTARTED, serves=ONE_OF_TWO)
@fault(Dependency.WORKERS, Fault.RESTARTED)
@fault(Dependency.INTERFACE, Fault.RESTARTED, takes_sockets=True)
@fault(Dependency.PULSE, Fault.RESTARTED)
def process_restarted(stage: Stage, cell: Cell) -> Iterator[None]:
    """Stopped by SIGTERM and started again, one by one, as a deploy does."""
    for name in chosen(stage, cell):
        stage.tree.restart(name)
        if name.startswith("workers:"):
            stage.wait_for_worker(name)
    yield


@fault(Dependency.WORKER, Fault.FROZEN, loses_requests=True)
@fault(Dependency.WORKERS, Fault.FROZEN, loses_requests=True)
@fault(Dependency.INTERFACE, Fault.FROZEN, takes_sockets=True, cuts_requests=True)
@fault(Dependency.PULSE, Fault.FROZEN)
def process_frozen(stage: Stage, cell: Cell) -> Iterator[None]:
    """SIGSTOP. A worker that is frozen for long is killed with what it holds, and replaced."""
    names = chosen(stage, cell)
    with stopped(*stage.tree.pids_of(names)):
        yield


@fault(Dependency.WORKER, Fault.SLOW, serves=ONE_OF_TWO)
@fault(Dependency.WORKERS, Fault.SLOW)
@fault(Dependency.INTERFACE, Fault.SLOW)
@fault(Dependency.PULSE, Fault.SLOW)
def process_slow(stage: Stage, cell: Cell) -> Iterator[None]:
    """It runs a fifth of the time."""
    names = chosen(stage, cell)
    with starved(lambda: stage.tree.pids_of(names), STOPPED, RUNNING):
        yield


@fault(Dependency.TERMINAL, Fault.FROZEN, serves=0.95)
def terminal_frozen(stage: Stage, cell: Cell) -> Iterator[None]:
    """The product's output is not read (Ctrl-S)."""
    with stage.product.terminal.frozen():
        yield


@fault(Dependency.TERMINAL, Fault.SLOW, serves=0.95)
def terminal_slow(stage: Stage, cell: Cell) -> Iterator[None]:
    """The terminal reads 1 kB per second."""
    with stage.product.terminal.slow():
        yield


@fault(Dependency.CLOCK, Fault.AHEAD, serves=0.95)
@fault(Dependency.CLOCK, Fault.BACK, serves=0.95)
def clock_stepped(stage: Stage, cell: Cell) -> Iterator[None]:
    """The wall clock of the product's host jumps by a minute, and back at the end."""
    seconds = 60.0 if cell.fault is Fault.AHEAD else -60.0
    with stage.product.clock.stepped(seconds):
        yield
