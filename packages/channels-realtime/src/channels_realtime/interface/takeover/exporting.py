"""Collects what an interface server hands over: connections, and what belongs to all of them."""

import logging
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet import tcp

from channels_realtime.interface.http.channel import Channel
from channels_realtime.interface.new_connection import NewConnection
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.takeover.internals import ending, peer_of, unsent_data
from channels_realtime.interface.takeover.state import ConnectionState, SharedState
from channels_realtime.interface.takeover.websockets import export_websocket
from channels_realtime.interface.websocket.admission import Waiting
from channels_realtime.interface.websocket.protocol import WebSocket

if TYPE_CHECKING:
    from channels_realtime.interface.connections import Connections
    from channels_realtime.interface.redis.registration import Registration

logger = logging.getLogger("channels_realtime.takeover")


class Exported(NamedTuple):
    """A connection that can be moved, and its state."""

    transport: tcp.Server
    state: ConnectionState


def client_transports(connections: "Connections") -> list[tcp.Server]:
    """The transports of all connections to clients, in a stable order.

    The reactor has those that read or write. Others wait for a worker, or in admission control.
    TLS is a layer above a transport, which is found here without it.
    """
    found: dict[Any, None] = {}
    for selectable in (*reactor.getReaders(), *reactor.getWriters()):
        if isinstance(selectable, tcp.Server):
            found[selectable] = None
    held = [
        *(waiting.transport for waiting in connections.admission.waiting),
        *(connection.transport for connection in connections.by_reply_channel.values()),
    ]
    for transport in held:
        if isinstance(transport, tcp.Server) and transport.connected:
            found[transport] = None
    return list(found)


def export_connections(
    connections: "Connections", transports: Sequence[tcp.Server], reading: set[tcp.Server]
) -> Iterator[Exported]:
    """The state of each connection that can be moved; of those that wait, in their order.

    Args:
        transports: of client_transports().
        reading: those of them that read from their clients while the server serves.
    """
    waiting = {found.transport: found for found in connections.admission.waiting}
    for transport in [*waiting, *(other for other in transports if other not in waiting)]:
        if not isinstance(transport, tcp.Server):
            continue
        try:
            state = export_connection(transport, waiting.get(transport), transport in reading)
        except Exception as error:
            # It stays here and is closed; the others must not wait for it.
            logger.warning("%s cannot be moved: %s", transport, error)
            continue
        if state is not None:
            yield Exported(transport, state)


def export_connection(
    transport: tcp.Server, waiting: Waiting | None, is_reading: bool
) -> ConnectionState | None:
    """Its state; None for one that is not ours, such as one with TLS. Raises any exception."""
    raw: socket.socket = transport.socket
    protocol = transport.protocol
    state: ConnectionState = {
        "family": raw.family,
        "peer": peer_of(transport),
        "is_reading": is_reading,
        "unsent": unsent_data(transport),
        "ending": ending(transport),
    }
    if waiting is not None:
        state["waiting"] = {
            "since": waiting.since,
            "header": waiting.handshake.header,
            "rest": waiting.handshake.rest,
        }
    elif isinstance(protocol, WebSocket):
        state["websocket"] = export_websocket(protocol)
    elif isinstance(protocol, NewConnection):
        state["new"] = protocol.export()
    elif not isinstance(protocol, Channel):
        return None
    elif protocol.requests and protocol.requests[-1].is_refused:
        # It was answered; what else the client sends is discarded until it hangs up.
        started_at = protocol.requests[-1].started_at
        state["new"] = {"received": b"", "opened_at": started_at, "is_refused": True}
    else:
        state["http"] = protocol.export()
    return state


def export_shared(connections: "Connections", registration: "Registration") -> SharedState:
    """What belongs to no single connection."""
    return {
        "next_number": next(connections.numbers),
        "groups": {
            group: [member.reply_channel for member in members]
            for group, members in connections.groups.members.items()
        },
        "bodies": connections.bodies.export(),
        "disconnects": connections.outbox.export(),
        "departures": registration.export(),
        "metrics": connections.metrics.export(),
    }
