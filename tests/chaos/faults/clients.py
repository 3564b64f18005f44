"""Faults of the readers and of their connections to the product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.chaos.cells import Cell, Dependency, Fault
from tests.chaos.faults import fault
from tests.chaos.network.proxy import Mangling

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

NOT_DISTURBED = 0.95  # share of the others' requests that must be served


def on_lines(stage: Stage, begin: str) -> Iterator[None]:
    """A fault on the lanes of some readers and of a Chromium page."""
    lanes = (stage.rough, stage.web)
    for lane in lanes:
        getattr(lane, begin)()
    try:
        yield
    finally:
        for lane in lanes:
            lane.mend()


@fault(Dependency.LINE, Fault.KILLED, serves=NOT_DISTURBED)
def line_cut(stage: Stage, cell: Cell) -> Iterator[None]:
    """Connections are reset, new ones are refused."""
    yield from on_lines(stage, "cut")


@fault(Dependency.LINE, Fault.UNREACHABLE, serves=NOT_DISTURBED)
def line_half_open(stage: Stage, cell: Cell) -> Iterator[None]:
    """Packets are dropped; existing sockets stay half open, without notice to either side."""
    yield from on_lines(stage, "swallow")


@fault(Dependency.LINE, Fault.FROZEN, serves=NOT_DISTURBED)
def line_stalled(stage: Stage, cell: Cell) -> Iterator[None]:
    """Nothing arrives, then all of it at once."""
    yield from on_lines(stage, "stall")


@fault(Dependency.LINE, Fault.SLOW, serves=NOT_DISTURBED)
def line_slow(stage: Stage, cell: Cell) -> Iterator[None]:
    """0.3 s of latency, and 8 kB/s for each connection."""
    yield from on_lines(stage, "throttle")


@fault(Dependency.LINE, Fault.GARBAGE, serves=NOT_DISTURBED)
def line_garbage(stage: Stage, cell: Cell) -> Iterator[None]:
    """Messages to readers are dropped, duplicated and reordered; other clients send garbage."""
    stage.rough.mangling = Mangling(drop=0.25, double=0.25, delay=0.25, late=1.0)
    try:
        with stage.clients_that_send_garbage():
            yield
    finally:
        stage.rough.mangling = None


@fault(Dependency.READER, Fault.SLOW, serves=NOT_DISTURBED)
def reader_slow(stage: Stage, cell: Cell) -> Iterator[None]:
    """Some readers do not read from their sockets while many updates are posted."""
    stage.crowd.tell("slow", lane="slow", on=True)
    try:
        yield
    finally:
        stage.crowd.tell("slow", lane="slow", on=False)


@fault(Dependency.READER, Fault.FROZEN, serves=NOT_DISTURBED)
def laptop_sleep(stage: Stage, cell: Cell) -> Iterator[None]:
    """Machines sleep, their sockets are lost, and they miss more changes than a replay holds."""
    stage.sleep(True)
    stage.desk.burst()
    try:
        yield
    finally:
        stage.sleep(False)


@fault(Dependency.READER, Fault.STALE, serves=NOT_DISTURBED)
def stale_page(stage: Stage, cell: Cell) -> Iterator[None]:
    """Readers open a page that a cache has stored since the run began."""
    stage.open_stale_pages()
    yield
