"""Faults of servers on separate machines: Redis, PostgreSQL, mail server, webhook host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.chaos.cells import PEERS, REDIS_LIKE, Cell, Dependency, Fault
from tests.chaos.faults import fault
from tests.chaos.network.servers import HOOK_PORT, SMTP_PORT, PostgresServer, RedisServer, Server

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

SHARES = (Dependency.SHARD_1, Dependency.SHARD_2)
PLAIN_REDIS = (Dependency.REDIS, *SHARES)
# Sentinel promotes the replica after 2 s; a client may need a few more seconds to find it.
PROMOTED_WITHIN = 15.0  # s
OTHERS_SERVE = 0.95  # minimum share of requests, while an external server is down


@contextmanager
def used(stage: Stage, cell: Cell) -> Iterator[None]:
    """Send mails or webhook deliveries if the cell affects their server."""
    with ExitStack() as using:
        if cell.dependency is Dependency.SMTP:
            using.enter_context(stage.mailing())
        if cell.dependency is Dependency.WEBHOOK:
            using.enter_context(stage.telling_webhooks())
        yield


def hurt(stage: Stage, cell: Cell) -> Iterator[None]:
    """The fault of Server with the same name."""
    server: Server = stage.server(cell.dependency)
    with used(stage, cell), getattr(server, cell.fault)():
        yield


for kind in (Fault.KILLED, Fault.FROZEN, Fault.UNREACHABLE, Fault.SLOW):
    # A killed Redis loses its queued messages; a promoted replica may lack the newest ones.
    fault(PLAIN_REDIS, kind, loses_requests=kind is Fault.KILLED)(hurt)
    fault(
        Dependency.MASTER,
        kind,
        within=PROMOTED_WITHIN,
        # Sentinel considers a slow master alive.
        heals_after=None if kind is Fault.SLOW else PROMOTED_WITHIN,
        loses_requests=True,
    )(hurt)
    fault(Dependency.POSTGRES, kind)(hurt)
    fault(PEERS, kind, serves=OTHERS_SERVE)(hurt)


@fault(REDIS_LIKE, Fault.GARBAGE, loses_requests=True)
def redis_garbage(stage: Stage, cell: Cell) -> Iterator[None]:
    """Connections are cut; another program on the port responds with garbage."""
    server = stage.server(cell.dependency)
    assert isinstance(server, RedisServer)
    with server.garbage(stage.random.getrandbits(32)):
        yield


@fault(REDIS_LIKE, Fault.FULL)
def redis_full(stage: Stage, cell: Cell) -> Iterator[None]:
    """`maxmemory` is reached with `noeviction`: every write is refused."""
    server = stage.server(cell.dependency)
    assert isinstance(server, RedisServer)
    with server.full():
        yield


@fault(REDIS_LIKE, Fault.EMPTIED, loses_requests=True)
def redis_emptied(stage: Stage, cell: Cell) -> Iterator[None]:
    """A random half of all keys is deleted, and again every 5 s."""
    server = stage.server(cell.dependency)
    assert isinstance(server, RedisServer)
    with server.emptied(stage.random):
        yield


@fault(REDIS_LIKE, Fault.EVICTING, loses_requests=True)
def redis_evicting(stage: Stage, cell: Cell) -> Iterator[None]:
    """`maxmemory` is below the memory in use, with allkeys-lru or allkeys-random."""
    server = stage.server(cell.dependency)
    assert isinstance(server, RedisServer)
    with server.evicting(stage.random.choice(("allkeys-lru", "allkeys-random"))):
        yield


@fault(Dependency.POSTGRES, Fault.GARBAGE)
def postgres_garbage(stage: Stage, cell: Cell) -> Iterator[None]:
    """It is stopped; another program on its port responds with garbage."""
    server = stage.server(cell.dependency)
    assert isinstance(server, PostgresServer)
    with server.garbage(stage.random.getrandbits(32)):
        yield


@fault(Dependency.POSTGRES, Fault.FULL)
def postgres_full(stage: Stage, cell: Cell) -> Iterator[None]:
    """Other clients hold all connections of `max_connections`."""
    server = stage.server(cell.dependency)
    assert isinstance(server, PostgresServer)
    with server.full():
        yield


@fault(PEERS, Fault.GARBAGE, serves=OTHERS_SERVE)
def peer_garbage(stage: Stage, cell: Cell) -> Iterator[None]:
    """It responds with garbage."""
    port = SMTP_PORT if cell.dependency is Dependency.SMTP else HOOK_PORT
    with used(stage, cell), stage.outside.garbage(port, stage.random.getrandbits(32)):
        yield
