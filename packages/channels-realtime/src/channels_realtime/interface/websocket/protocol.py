"""One reader's socket: Daphne's protocol with non-blocking sends, bounds and honest closing."""

import logging
import time
from contextlib import suppress
from urllib.parse import unquote

from daphne.ws_protocol import WebSocketProtocol as DaphneWebSocket
from twisted.python.failure import Failure

from channels_realtime.close_codes import FLOOD, GOING_DOWN, TRY_AGAIN_LATER
from channels_realtime.interface.http_errors import BUSY, refusal
from channels_realtime.interface.proxy import client_address
from channels_realtime.interface.redis.outbox import FOREVER
from channels_realtime.interface.websocket.framing import BINARY, CONTINUATION, TEXT, encode_frame
from channels_realtime.interface.websocket.handshake import accept_handshake
from channels_realtime.interface.websocket.rate_limit import Allowance
from channels_realtime.internals import (
    PIECE,
    buffered,
    connect_protocol,
    drop_half_received,
    free,
    half_received,
    join_pieces,
    raw_socket,
    unsent,
)

logger = logging.getLogger("channels_realtime.websocket")

CLOSE_WITHIN = 5  # s between a close frame and the end of the connection
RECEIVE_PATIENCE = 20  # s that a client's message may wait for Redis before its socket is closed
MOST_EARLY = 100  # frames kept for a socket whose handshake is not answered yet


class WebSocket(DaphneWebSocket):
    """`order`, `reply_channel` and the messages are those of the ASGI 1.x WebSocket spec."""

    connect_sent = False  # only what was connected can disconnect
    muted = False
    early = None  # frames that came for this socket before it was accepted
    early_size = 0  # bytes of them
    allowance = None
    key = None  # of the handshake, until it is answered
    websocket_version = 13
    answering_close = False
    closing_since = None
    send_now = None  # the kernel's send, for a plain transport
    held = None  # what goes out together: the handshake's answer and the first message
    inside_message = False  # autobahn's frame parser, before it begins
    current_frame = frame_data = message_data = None

    # From the client

    def connectionMade(self):
        with suppress(AttributeError, OSError):  # a unix socket has no such option
            self.transport.setTcpNoDelay(True)
        connect_protocol(self)

    def begin(self, handshake, rest):
        """Ask the workers about a handshake; `rest`: the bytes that came right behind it."""
        server = self.main_factory
        if rest:
            server.messages.note(self, len(rest))
        self.packets_received = 0
        self.trafficStats = self.factory.traffic_stats
        self.socket_opened = self.last_data = time.monotonic()
        self.data = rest
        self.key = handshake.key
        self.path = unquote(handshake.path)
        self.protocol_to_accept = next(
            (name for name in handshake.protocols if name in self.factory.protocols), None
        )
        self.reply_channel = server.make_send_channel()
        server.reply_protocols[self.reply_channel] = self
        raw = raw_socket(self.transport)
        self.send_now = raw.send if raw is not None else None
        peer, host = self.transport.getPeer(), self.transport.getHost()
        client = [peer.host, peer.port] if hasattr(peer, "port") else None
        self.client_addr, scheme = client_address(server.proxy, handshake.headers, client)
        # Before sending: where Redis is away, the refusal comes at once.
        self.connect_sent = True
        server.admission.begun(self)
        server.outbox.send(
            "websocket.connect",
            {
                "reply_channel": self.reply_channel,
                "order": 0,
                "path": self.path,
                "query_string": handshake.query_string,
                "headers": handshake.headers,
                "client": self.client_addr,
                "server": [host.host, host.port] if hasattr(host, "port") else None,
                "scheme": {"http": "ws", "https": "wss"}.get(scheme, "ws"),
            },
            self.connect_refused,
        )
        self.log_action("connecting")

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)
        if self.inside_message or self.data:
            join_pieces(self)
            self.main_factory.messages.note(self, len(data) + PIECE)

    def consumeData(self) -> None:
        if self.state == self.STATE_CLOSED:
            self.data = b""  # autobahn would keep what comes until the connection ends
        elif self.state != self.STATE_CONNECTING:
            super().consumeData()
        elif len(self.data) > self.maxMessagePayloadSize:
            self.main_factory.metrics.drop("flood")
            self.transport.abortConnection()

    def received_bytes(self) -> int:
        """What is held of a message that is not complete yet."""
        return half_received(self)

    def close_unfinished(self) -> None:
        """Unfinished messages of all sockets take too much memory, this one most of it."""
        self.close_with(TRY_AGAIN_LATER)
        drop_half_received(self)

    def connectionLost(self, reason: Failure) -> None:
        self.main_factory.disconnected(self)
        super().connectionLost(reason)
        self.early, self.early_size = None, 0
        free(self)

    def connect_refused(self):
        """The workers are behind, or Redis away: the client may try again later."""
        self.connect_sent = False
        self.deny(503, BUSY)

    def onMessage(self, payload, isBinary):
        if self.muted:
            return
        self.main_factory.metrics.count("frames_received")
        if not self.is_within_rate():
            return
        self.packets_received += 1
        message = {
            "reply_channel": self.reply_channel,
            "path": self.path,
            "order": self.packets_received,
            "client": self.client_addr,  # not in the spec: for limits by address
        }
        if isBinary:
            message["bytes"] = payload
        else:
            message["text"] = payload.decode()
        self.main_factory.outbox.send(
            "websocket.receive", message, self.receive_refused, RECEIVE_PATIENCE
        )

    def onMessageFrameBegin(self, length: int) -> None:
        """The parts of a message count like messages: each costs as much as a short one."""
        super().onMessageFrameBegin(length)
        if self.current_frame.opcode == CONTINUATION and not self.muted:
            self.is_within_rate()

    def is_within_rate(self) -> bool:
        """Note that something came; close the socket where it is too much."""
        self.last_data = time.monotonic()
        rate = self.main_factory.message_rate
        if not rate:
            return True
        if self.allowance is None:
            self.allowance = Allowance(rate, self.last_data)
        if self.allowance.take(self.last_data):
            return True
        self.main_factory.metrics.drop("flood")
        self.close_with(FLOOD)
        drop_half_received(self)
        # What follows is not even parsed. check_time() ends a client that goes on sending.
        self.data = b""
        self.transport.pauseProducing()
        return False

    def receive_refused(self):
        """The message is lost, so the conversation is: the client must begin another."""
        self.close_with(TRY_AGAIN_LATER)

    def onPing(self, payload):
        if not self.muted and self.is_within_rate():
            self.sendPong(payload)

    def onPong(self, payload):
        self.last_data = time.monotonic()

    def onCloseFrame(self, code, reason):
        """autobahn answers a bad close frame, and then takes that frame for the peer's answer."""
        self.answering_close = True
        self.closing_since = self.closing_since or time.monotonic()
        try:
            return super().onCloseFrame(code, reason)
        finally:
            self.answering_close = False

    def dropConnection(self, abort=False):
        # An abort would throw the answer away; check_time() ends what does not close.
        super().dropConnection(abort and not self.answering_close)

    def onClose(self, wasClean, code, reason):
        self.main_factory.forget(self)
        if self.connect_sent:
            self.connect_sent = False
            disconnect = {
                "reply_channel": self.reply_channel,
                "code": code or 1005,
                "path": self.path,
                "order": self.packets_received + 1,
            }
            self.main_factory.outbox.send("websocket.disconnect", disconnect, patience=FOREVER)
        self.log_action("disconnected")

    # From the workers

    def serverAccept(self):
        self.sendData(accept_handshake(self.key, self.protocol_to_accept))
        self.key = None
        self.state = self.STATE_OPEN
        self.inside_message, self.current_frame = False, None  # autobahn's frame parser
        self.main_factory.metrics.count("websockets_opened")
        self.log_action("connected")
        early, self.early, self.early_size = self.early, None, 0
        if early:
            self.send_frames(b"".join(early))
        self.main_factory.admission.done(self)
        if self.data:
            self.consumeData()

    def serverReject(self):
        self.deny(403, "Access denied.")
        self.log_action("rejected")

    def serverSend(self, content, binary=False):
        if self.state == self.STATE_CONNECTING:
            self.serverAccept()
        payload = content if binary else content.encode()
        self.main_factory.metrics.count("frames_sent")
        self.send_frames(encode_frame(BINARY if binary else TEXT, payload))

    def serverClose(self, code=True):
        self.close_with(1000 if code is True else code)

    def send_frames(self, frames):
        """Write whole frames; what the kernel does not take at once waits, within a bound."""
        if self.state != self.STATE_OPEN:
            if self.state == self.STATE_CONNECTING:
                self.send_early(frames)
            return
        self.sendData(frames)

    def sendData(self, data, sync=False, chopsize=None):
        """Everything goes out here, autobahn's own frames too, which never use the options."""
        if self.held is not None:
            self.held.append(data)
            return
        transport = self.transport
        if self.send_now is not None and not (transport.dataBuffer or transport._tempDataLen):
            try:
                sent = self.send_now(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # the reactor is about to notice that the peer is gone
            if sent == len(data):
                return
            data = data[sent:]
        elif (
            not self.muted  # a close frame may always wait
            and self.state == self.STATE_OPEN
            and unsent(transport) + len(data) > self.main_factory.write_buffer
        ):
            self.main_factory.metrics.drop("slow_client")
            self.close_with(TRY_AGAIN_LATER)
            return
        transport.write(data)
        self.main_factory.writes.note(self, len(data))

    def unsent_bytes(self) -> int:
        """What waits for the client to take it."""
        return buffered(self.transport) + self.early_size

    def close_slow(self) -> None:
        """What waits for slow clients takes too much memory, this one's part most of it."""
        self.close_with(TRY_AGAIN_LATER)

    def hold(self):
        """Collect what is sent until release(), to write it at once."""
        self.held = []

    def release(self):
        held, self.held = self.held, None
        if held:
            self.sendData(b"".join(held))

    def send_early(self, frames):
        """Keep a broadcast for a socket that joined a group before it was accepted."""
        if self.early is None:
            self.early = []
        size = self.early_size + len(frames)
        if len(self.early) < MOST_EARLY and size <= self.main_factory.write_buffer:
            self.early.append(frames)
            self.early_size = size
            self.main_factory.writes.note(self, len(frames))
        else:
            self.main_factory.metrics.drop("before_accept")

    # Ends

    def deny(self, status, sentence):
        """Answer the handshake with an HTTP status."""
        self.main_factory.forget(self)
        if self.state == self.STATE_CONNECTING:
            self.wasNotCleanReason = sentence  # for autobahn's log
            self.sendData(refusal(status, sentence))
            self.dropConnection()

    def close_with(self, code):
        """Send a close frame, nothing after it, and take no more messages."""
        self.muted = True
        self.closing_since = self.closing_since or time.monotonic()
        self.main_factory.leave_groups(self)
        if self.state != self.STATE_CONNECTING:
            self.sendCloseFrame(code=code)
        elif code in (GOING_DOWN, TRY_AGAIN_LATER):
            self.deny(503, BUSY)
        else:
            self.deny(403, "Access denied.")

    # Time

    def check_time(self, now):
        """Called every 2 s: ends a handshake that nobody answers, pings a socket that is silent."""
        server = self.main_factory
        if self.state == self.STATE_CONNECTING:
            limit = server.websocket_connect_timeout
            if 0 <= limit < now - self.socket_opened:
                server.metrics.drop("handshake_timeout")
                # Whoever consumes the connect later finds that the socket is gone.
                self.deny(503, "The workers did not answer in time.")
        elif self.state == self.STATE_OPEN:
            if 0 <= server.websocket_timeout < now - self.socket_opened:
                self.serverClose()
            elif now - self.last_data > server.ping_interval and not self.autoPingPending:
                # Only what the peer sends counts as life, not what is pushed to it.
                self._sendAutoPing()
        if self.closing_since is not None and now - self.closing_since > CLOSE_WITHIN:
            self.transport.abortConnection()

    def log_action(self, action):
        if not self.main_factory.action_logger:
            return
        client = ":".join(map(str, self.client_addr)) if self.client_addr else None
        details = {"path": self.path, "client": client}
        self.main_factory.log_action("websocket", action, details)
