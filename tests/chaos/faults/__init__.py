"""Produces each pair of dependency and fault; every module registers its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.cells import Cell, Dependency, Fault

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

Producer = Callable[["Stage", Cell], Iterator[None]]

WHOLE_WITHIN = 10.0  # s from the end of a fault, unless the fault allows more


@dataclass(frozen=True)
class Injector:
    """One fault of one dependency.

    Args:
        produce: A context manager that begins the fault and ends it.
        takes_sockets: Whether open sockets of one affected process may close.
        cuts_requests: Whether requests in progress may end without a response.
        loses_requests: Whether requests in progress may be lost. Their clients get 503 after the
            interface server's `--http-timeout`, which no trial waits for.
        serves: The minimum share of requests served meanwhile; 0: no promise.
        heals_after: Seconds from its beginning after which requests must be served even though
            the fault lasts; None: no promise.
        within: Seconds from its end until every check must pass again.
        what: A description.
    """

    produce: Callable[[Stage, Cell], AbstractContextManager[None]]
    takes_sockets: bool
    cuts_requests: bool
    loses_requests: bool
    serves: float
    heals_after: float | None
    within: float
    what: str


INJECTORS: dict[tuple[Dependency, Fault], Injector] = {}


def fault(
    dependencies: Dependency | tuple[Dependency, ...],
    kind: Fault,
    *,
    takes_sockets: bool = False,
    cuts_requests: bool = False,
    loses_requests: bool = False,
    serves: float = 0.0,
    heals_after: float | None = None,
    within: float = WHOLE_WITHIN,
) -> Callable[[Producer], Producer]:
    """Register a generator function; its docstring is the description of the fault."""
    if isinstance(dependencies, Dependency):
        dependencies = (dependencies,)

    def register(produce: Producer) -> Producer:
        for dependency in dependencies:
            assert (dependency, kind) not in INJECTORS, (dependency, kind)
            INJECTORS[dependency, kind] = Injector(
                contextmanager(produce),
                takes_sockets,
                cuts_requests,
                loses_requests,
                serves,
                heals_after,
                within,
                (produce.__doc__ or "").split("\n")[0],
            )
        return produce

    return register


from tests.chaos.faults import clients, local, processes, servers  # noqa: E402, F401
