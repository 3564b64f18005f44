"""The state of a WebSocket, for another process and from one."""

from typing import TYPE_CHECKING

from channels_realtime.interface.takeover.internals import CLOSE_ATTRIBUTES, unfinished_frames
from channels_realtime.interface.takeover.state import WebSocketState
from channels_realtime.interface.websocket.protocol import CLOSE_WITHIN, WebSocket
from channels_realtime.interface.websocket.rate_limit import TokenBucket
from channels_realtime.internals import take_compressed

if TYPE_CHECKING:
    from channels_realtime.interface.connections import Connections

ANY_RATE = 1e9  # frames per second: no limit


def export_websocket(socket: WebSocket) -> WebSocketState:
    """Raises ValueError where its state cannot be moved."""
    received, discards = socket.data, False
    if socket.state in (socket.STATE_OPEN, socket.STATE_CLOSING):
        discards = socket.discards or socket.failedByMe and socket.inside_message
        received = b"" if discards else unfinished_frames(socket)
    return {
        "reply_channel": socket.reply_channel,
        "is_registered": socket.connections.has(socket.reply_channel),
        "state": socket.state,
        "path": socket.path,
        "client_addr": socket.client_addr,
        "order": socket.packets_received,
        "opened_at": socket.opened_at,
        "last_data": socket.last_data,
        "key": socket.key,
        "protocol_to_accept": socket.protocol_to_accept,
        "connect_sent": socket.connect_sent,
        "muted": socket.muted,
        "early": socket.early or [],
        "bucket": socket.rate_limit.export() if socket.rate_limit else None,
        "pinged_at": socket.pinged_at,
        "extension": socket.extension,
        "received": received,
        "discards": discards,
        "closing_since": socket.closing_since,
        "close": {name: getattr(socket, name) for name in CLOSE_ATTRIBUTES},
    }


def restore_websocket(connections: "Connections", socket: WebSocket, state: WebSocketState) -> None:
    """Go on with what another process has exported. The socket has its transport."""
    socket.reply_channel = state["reply_channel"]
    if state["is_registered"]:
        connections.register_as(socket.reply_channel, socket)
    socket.path = state["path"]
    socket.client_addr = state["client_addr"]
    socket.packets_received = state["order"]
    socket.opened_at = state["opened_at"]
    socket.key = state["key"]
    socket.protocol_to_accept = state["protocol_to_accept"]
    if state["extension"]:
        socket.extension = state["extension"]
        take_compressed(socket)
    if state["early"]:
        socket.early = state["early"]
        socket.early_size = sum(map(len, socket.early))
        connections.writes.add(socket, socket.early_size)
    if state["state"] == socket.STATE_CONNECTING:
        connections.admission.under_way.add(socket)
    else:
        socket.state = socket.STATE_OPEN
        # Nothing in here is complete, so nothing is delivered; the frames were counted before.
        socket.rate_limit = TokenBucket(ANY_RATE, socket.opened_at)
    if state["received"]:
        socket.dataReceived(state["received"])
    socket.state = state["state"]
    socket.discards = state["discards"]
    socket.last_data = state["last_data"]
    socket.pinged_at = state["pinged_at"]
    rate, bucket = connections.options.message_rate, state["bucket"]
    socket.rate_limit = TokenBucket.restore(bucket, rate) if bucket and rate else None
    socket.connect_sent = state["connect_sent"]
    socket.muted = state["muted"]
    socket.closing_since = state["closing_since"]
    vars(socket).update(state["close"])
    if socket.closing_since is not None:
        connections.wheel.schedule(socket, socket.closing_since + CLOSE_WITHIN)
    elif socket.state == socket.STATE_CONNECTING:
        connections.wheel.schedule(socket, socket.handshake_due())
    else:
        connections.wheel.schedule(socket, socket.open_due())
