"""Faults of the product's database file and disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.waiting import meanwhile

from tests.chaos.cells import Cell, Dependency, Fault
from tests.chaos.faults import fault

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

HELD, FREE = 0.4, 0.1  # s in turns


@fault(Dependency.SQLITE, Fault.FROZEN)
def database_locked(stage: Stage, cell: Cell) -> Iterator[None]:
    """Another process holds the database's write lock."""
    with stage.lock():
        yield


@fault(Dependency.SQLITE, Fault.SLOW)
def database_busy(stage: Stage, cell: Cell) -> Iterator[None]:
    """Another process holds the write lock four fifths of the time."""

    def hold(ended: threading.Event) -> None:
        while not ended.wait(FREE):
            with stage.lock():
                ended.wait(HELD)

    with meanwhile(hold):
        yield


@fault(Dependency.DISK, Fault.FULL)
def disk_full(stage: Stage, cell: Cell) -> Iterator[None]:
    """The file system of DATA_DIR is full."""
    with stage.product.full_disk():
        yield
