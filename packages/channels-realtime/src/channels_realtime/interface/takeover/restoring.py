"""Builds the connections of an interface server from what another one has handed over."""

import itertools
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from channels_realtime.interface.http.channel import Channel
from channels_realtime.interface.http.requests import LINGER, Request
from channels_realtime.interface.new_connection import NewConnection
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.takeover.internals import adopt
from channels_realtime.interface.takeover.state import ConnectionState, SharedState
from channels_realtime.interface.takeover.websockets import restore_websocket
from channels_realtime.interface.websocket.admission import Transport, UnreadHandshake
from channels_realtime.interface.websocket.protocol import WebSocket

if TYPE_CHECKING:
    from channels_realtime.interface.connections import Connections


def restore_connection(connections: "Connections", descriptor: int, state: ConnectionState) -> None:
    """Go on with a connection. The descriptor belongs to its transport from then on."""
    raw = socket.socket(state["family"], socket.SOCK_STREAM, 0, fileno=descriptor)
    raw.setblocking(False)
    new = NewConnection(connections)  # until its state says what it is
    transport = adopt(raw, state["peer"], new)
    new.transport = transport
    connections.number_open += 1
    if (waiting := state.get("waiting")) is not None:
        handshake = UnreadHandshake(waiting["header"], waiting["rest"])
        connections.admission.restore(transport, waiting["since"], handshake)
    elif (opened := state.get("new")) is not None:
        new.restore(opened)
    elif (http := state.get("http")) is not None:
        channel = Channel(connections)
        transport.protocol = channel
        channel.makeConnection(transport)
        channel.restore(http)
    else:
        websocket = WebSocket(connections)
        transport.protocol = websocket
        websocket.makeConnection(transport)
        restore_websocket(connections, websocket, state["websocket"])
    restore_transport(connections, transport, state)


def restore_transport(
    connections: "Connections", transport: Transport, state: ConnectionState
) -> None:
    """What waits to be sent, and whether it reads."""
    unsent, protocol = state["unsent"], transport.protocol
    if unsent:
        transport.write(unsent)
        if isinstance(protocol, WebSocket | Channel):
            connections.writes.add(protocol, len(unsent))
    if not state["is_reading"]:
        transport.stopReading()
    ending = state["ending"]
    if ending == "closing":
        if isinstance(protocol, Channel):
            transport.unregisterProducer()  # it would keep the connection open
        transport.loseConnection()
    elif ending:
        if ending == "halving":
            transport.loseWriteConnection()
        reactor.callLater(LINGER, transport.abortConnection)


def restore_shared(connections: "Connections", state: SharedState) -> None:
    """Everything else, once all connections are restored. Sends nothing yet."""
    connections.numbers = itertools.count(state["next_number"])
    for group, channels in state["groups"].items():
        for channel in channels:
            connection = connections.by_reply_channel.get(channel)
            if connection is not None:
                connections.add_member(group, connection)
    connections.metrics.restore(state["metrics"])

    def refused(channel: str) -> Callable[[], None] | None:
        request = connections.by_reply_channel.get(channel)
        return request.refuse_busy if isinstance(request, Request) else None

    connections.bodies.restore(state["bodies"], refused)
    connections.outbox.restore(state["disconnects"])
