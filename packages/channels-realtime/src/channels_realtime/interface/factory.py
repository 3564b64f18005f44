"""All connections of one interface server, by their reply channels and by their groups."""

import itertools
import logging
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.protocol import TrafficStats
from twisted.internet.interfaces import ITransport
from twisted.web import http

from channels_realtime.close_codes import GOING_DOWN, TRY_AGAIN_LATER
from channels_realtime.interface.buffers import Buffers
from channels_realtime.interface.groups import Groups
from channels_realtime.interface.http.bodies import Bodies
from channels_realtime.interface.http.requests import Channel, Door
from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.liveness import Liveness
from channels_realtime.interface.websocket.admission import Admission, UnreadHandshake
from channels_realtime.interface.websocket.handshake import read_handshake
from channels_realtime.interface.websocket.protocol import WebSocket
from channels_realtime.internals import quiet_autobahn, share_options, trim_memory
from channels_realtime.memory_budget import Budget

logger = logging.getLogger("channels_realtime.factory")


class WebSocketFactory(WebSocketServerFactory):
    """autobahn's options, in one place: WebSocket needs nothing of it but these."""

    def __init__(self, options):
        super().__init__(protocols=options.ws_protocols or [], server="Daphne")
        self.setProtocolOptions(
            allowNullOrigin=True,  # consumers decide about Origins
            openHandshakeTimeout=0,  # none of its own: check_time() watches the handshake
            autoPingTimeout=options.ping_timeout,
            maxFramePayloadSize=options.max_message,
            maxMessagePayloadSize=options.max_message,
            utf8validateIncoming=True,
            echoCloseCodeReason=True,
            failByDrop=False,  # a protocol error is answered with its close code
            closeHandshakeTimeout=2,
        )
        # Every socket counts into the same one; nobody reads it.
        self.traffic_stats = TrafficStats()
        quiet_autobahn()
        share_options(WebSocket, self)


class Factory(http.HTTPFactory):
    """Makes a Door for each connection, and finds the connection that a reply is for.

    `options`: see channels_realtime.interface.command_line. `outbox`: where messages to workers go.
    """

    protocol = Door

    def __init__(
        self, reactor, options, budget: Budget, process, outbox, metrics, proxy, action_logger=None
    ):
        super().__init__(timeout=60, reactor=reactor)  # s that an idle HTTP connection is kept
        self.outbox = outbox
        self.metrics = metrics
        self.proxy = proxy
        self.action_logger = action_logger
        self.process = process
        self.timeout = options.http_timeout
        self.websocket_timeout = options.websocket_timeout
        self.websocket_connect_timeout = options.websocket_connect_timeout
        self.ping_interval = options.ping_interval
        self.root_path = options.root_path
        self.max_upload = options.max_upload
        self.max_anonymous_upload = (
            options.max_upload
            if options.max_anonymous_upload is None
            else options.max_anonymous_upload
        )
        self.session_cookie = options.session_cookie.encode()
        self.write_buffer = options.write_buffer
        self.message_rate = options.message_rate
        self.health_path = options.health_path.encode()
        self.ready_path = options.ready_path.encode()
        self.liveness = Liveness(())  # of the server
        self.reply_protocols = {}
        self.doors = set()  # connections that have not sent a whole request header yet
        self.groups = Groups()
        self.forgotten = lambda channel, groups: None  # set by the server
        self.numbers = itertools.count(1)
        self.ws_factory = WebSocketFactory(options)
        self.budget = budget
        self.connections = 0
        patience = options.websocket_connect_timeout
        self.admission = Admission(self.admit, patience, self.budget.handshakes, metrics)
        self.bodies = Bodies(self.budget, outbox, metrics)
        self.writes: Buffers[WebSocket | Channel] = Buffers(
            "writes",
            self.budget.writes,
            lambda connection: connection.unsent_bytes(),
            lambda connection: connection.close_slow(),
            metrics,
        )
        self.messages: Buffers[WebSocket | Channel] = Buffers(
            "messages",
            self.budget.messages,
            lambda connection: connection.received_bytes(),
            lambda connection: connection.close_unfinished(),
            metrics,
        )
        self.headers: Buffers[Door] = Buffers(
            "headers",
            self.budget.headers,
            lambda door: door.received_bytes(),
            lambda door: door.close_unfinished(),
            metrics,
        )

    # Connections

    def connected(self) -> bool:
        """A connection was opened. Returns whether there is room for it."""
        self.connections += 1
        if self.connections <= self.budget.connections:
            return True
        self.metrics.drop("connections_full")
        return False

    def disconnected(self, connection: WebSocket | Channel | Door) -> None:
        """A connection has ended."""
        self.connections -= 1
        for buffers in (self.writes, self.messages, self.headers):
            buffers.forget(connection)

    def make_send_channel(self):
        """A new reply channel of this process."""
        return f"{self.process}{next(self.numbers):x}"

    def make_channel(self, transport):
        """Put Twisted's HTTP protocol on a connection."""
        channel = Channel()
        channel.factory = self
        channel.site = self
        channel.timeOut = self.timeOut
        transport.protocol = channel
        channel.makeConnection(transport)
        return channel

    def upgrade(self, transport: ITransport, data: bytes, end: int) -> None:
        """A connection wants to be a WebSocket; `data` holds a header that ends at `end`."""
        self.admission.come(transport, UnreadHandshake(data[:end], data[end + 4 :]))

    def admit(self, transport: ITransport, received: UnreadHandshake) -> None:
        """Put a WebSocket on a connection whose turn it is."""
        try:
            handshake = read_handshake(received.header)
        except Refused as refused:
            self.metrics.drop("bad_header")
            transport.write(refused.answer)
            transport.loseConnection()
            return
        socket = WebSocket()
        socket.factory = self.ws_factory
        socket.main_factory = self
        transport.protocol = socket
        socket.makeConnection(transport)
        socket.begin(handshake, received.rest)

    def forget(self, protocol):
        """The connection is gone: for its reply channel, its groups, and in Redis."""
        self.admission.done(protocol)
        self.reply_protocols.pop(protocol.reply_channel, None)
        self.leave_groups(protocol)

    def leave_groups(self, protocol):
        groups = self.groups.forget(protocol)
        if groups:
            self.forgotten(protocol.reply_channel, groups)

    def trim_memory(self) -> None:
        """Return memory to the system once buffers that held much are empty again."""
        parts = (self.bodies, self.writes, self.messages, self.headers)
        enough = self.budget.working // 2
        if max(part.peak for part in parts) < enough or sum(part.held for part in parts) > enough:
            return
        for part in parts:
            part.peak = 0
        trim_memory()

    def gauges(self) -> dict[str, int]:
        """What is there now, by the names of channels_realtime.metrics.prometheus."""
        sockets = sum(isinstance(p, WebSocket) for p in self.reply_protocols.values())
        return {
            "sockets": sockets,
            "groups": len(self.groups.members),
            "handshakes_waiting": len(self.admission.waiting),
            "connections": self.connections,
            "disconnects_waiting": len(self.outbox.behind),
            "requests_bytes": self.bodies.held,
            "writes_bytes": self.writes.held,
            "messages_bytes": self.messages.held,
            "headers_bytes": self.headers.held,
            "handshakes_bytes": self.admission.held,
            "outbox_bytes": self.outbox.kept_bytes,
            "links_bytes": sum(link.backlog for link in self.outbox.links),
            "budget_bytes": self.budget.total,
        }

    def log_action(self, protocol, action, details):
        if self.action_logger:
            self.action_logger(protocol, action, details)

    # What the inbox brings

    def join(self, group, channel):
        protocol = self.reply_protocols.get(channel)
        if protocol is not None and not protocol.muted:
            self.groups.join(group, protocol)
        else:
            # Its disconnect overtook its connect: nobody else would take it out again.
            self.forgotten(channel, {group})

    def leave(self, group, channel):
        protocol = self.reply_protocols.get(channel)
        if protocol is not None:
            self.groups.leave(group, protocol)

    def spread(self, group, frames):
        """Write frames, each a whole message, to every socket of the group: one write a socket."""
        members = self.groups.members.get(group)
        if not members:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        size = len(data)
        open_state = WebSocket.STATE_OPEN
        for protocol in tuple(members):
            transport = protocol.transport
            # The common case, spelled out: a function call here costs a tenth of the delivery.
            if (
                protocol.state == open_state
                and protocol.send_now is not None
                and not (transport._tempDataLen or transport.dataBuffer)
            ):
                try:
                    sent = protocol.send_now(data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    continue  # the reactor is about to notice that the peer is gone
                if sent != size:
                    transport.write(data[sent:])
                    self.writes.note(protocol, size - sent)
            else:
                protocol.send_frames(data)
        self.metrics.count("broadcasts", len(frames))
        self.metrics.count("frames_sent", len(frames) * len(members))
        self.metrics.count("bytes_sent", size * len(members))

    def spread_message(self, group, message):
        """A group message that is more than text or bytes: each member gets it by itself."""
        for protocol in tuple(self.groups.members.get(group, ())):
            self.deliver(protocol.reply_channel, message)

    def deliver(self, channel: str, message: dict[str, Any]) -> None:
        """A reply for one connection; one that is gone needs none. Raises ValueError."""
        protocol = self.reply_protocols.get(channel)
        if isinstance(protocol, WebSocket):
            deliver_to_websocket(protocol, channel, message)
            return
        self.bodies.release(channel)  # a worker has it, whether or not its client is still there
        if protocol is not None:
            connection = protocol.channel
            protocol.serverResponse(message)
            self.writes.note(connection, len(message.get("content", b"")))

    def check_time(self, now: float) -> None:
        """Called every 2 s with the monotonic clock."""
        self.admission.check_time(now)
        self.bodies.check_time(now)
        for buffers in (self.writes, self.messages, self.headers):
            buffers.look()
        self.trim_memory()
        for protocol in (*self.reply_protocols.values(), *self.doors):
            try:
                protocol.check_time(now)
            except Exception:
                logger.exception("A connection's timeout could not be handled")


def deliver_to_websocket(protocol, channel, message):
    """What the ASGI 1.x spec lets a reply to a WebSocket say. Raises ValueError."""
    unknown = message.keys() - {"bytes", "text", "close", "accept"}
    if unknown:
        raise ValueError(f"A reply for {channel} holds unknown keys: {', '.join(unknown)}.")
    text, payload = message.get("text"), message.get("bytes")
    if text is not None and payload is not None:
        raise ValueError(f"A reply for {channel} holds both text and bytes.")
    if protocol.state == protocol.STATE_CONNECTING:
        if message.get("accept") is False:
            protocol.serverReject()
            return
        protocol.hold()
    try:
        if message.get("accept") and protocol.state == protocol.STATE_CONNECTING:
            protocol.serverAccept()
        if text is not None:
            protocol.serverSend(text)
        elif payload is not None:
            protocol.serverSend(payload, binary=True)
    finally:
        protocol.release()
    close = message.get("close")
    if close is None or close is False:
        return
    if protocol.state == protocol.STATE_CONNECTING and close not in (GOING_DOWN, TRY_AGAIN_LATER):
        protocol.serverReject()
    else:
        protocol.serverClose(close)
