"""One reader's socket: autobahn's protocol with non-blocking sends, bounds and clean closing."""

import logging
import math
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from channels_realtime.close_codes import FLOOD, GOING_DOWN, TOO_BIG, TRY_AGAIN_LATER
from channels_realtime.interface.http_errors import BUSY, RETRY_AFTER, refusal
from channels_realtime.interface.proxy import Address, client_address
from channels_realtime.interface.redis.outbox import FOREVER, Message
from channels_realtime.interface.websocket.compression import (
    Corrupt,
    History,
    TooLong,
    inflate,
    longest_compressed,
)
from channels_realtime.interface.websocket.framing import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    PONG_LENGTH,
    TEXT,
    encode_frame,
)
from channels_realtime.interface.websocket.handshake import Handshake, accept_handshake
from channels_realtime.interface.websocket.rate_limit import TokenBucket
from channels_realtime.internals import (
    PIECE,
    begin_compressed,
    buffered,
    drop_half_received,
    fail,
    free,
    half_received,
    is_compressed,
    join_pieces,
    raw_socket,
    take_compressed,
    unsent,
)
from channels_realtime.sharing import SHARES_REPLIES

if TYPE_CHECKING:
    from channels_realtime.interface.connections import Connections
    from channels_realtime.interface.websocket.factory import WebSocketFactory

logger = logging.getLogger("channels_realtime.websocket")

CLOSE_WITHIN = 5  # s between a close frame and the end of the connection
RECEIVE_PATIENCE = 20  # s that a client's message may wait for Redis before its socket is closed
WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
MOST_EARLY = 100  # frames kept for a socket whose handshake is not answered yet

# Of --ping-interval, by which a ping may come early: thousands of sockets that were opened within a
# second would else be pinged within a second, for ever.
PING_JITTER = 0.25
# Bytes of an inflated message that count as another message: it costs workers and Redis as much as
# one that was sent in full, and its sender a thousandth.
INFLATED = 16 << 10
INVALID_PAYLOAD = 1007  # as autobahn closes where a text is no UTF-8


class WebSocket(WebSocketServerProtocol):
    """`order`, `reply_channel` and the messages are those of the ASGI 1.x WebSocket spec."""

    transport: Any  # Twisted declares it by a zope interface, whose methods have no `self`
    factory: "WebSocketFactory"
    state: int
    data: bytes  # received and not parsed yet
    path: str
    client_addr: Address | None
    forwarded_scheme: str | None  # as a proxy says
    protocol_to_accept: str | None
    connect_sent = False  # only what was connected can disconnect
    muted = False
    early: list[bytes] | None = None  # frames for this socket before it was accepted
    early_size = 0  # bytes of them
    rate_limit: TokenBucket | None = None
    key = b""  # of the handshake, until it is answered
    extension = b""  # the header that accepts permessage-deflate, where the client offers it
    # Which broadcasts this socket has received compressed; see compression.History.
    history: History | None = None
    since = 0
    websocket_version = 13
    answering_close = False
    discards = False  # whatever else arrives: it is the rest of a message that was refused
    closing_since: float | None = None
    pinged_at = 0.0  # 0: never
    wheel_slot = 0
    send_now: Callable[[bytes], int] | None = None  # the kernel's send, for a plain transport
    held: list[bytes] | None = None  # sent together: the handshake's answer, the first message
    inside_message = False  # autobahn's frame parser, before it begins
    # autobahn's parser sets these at its first frame.
    current_frame: Any = None
    frame_data: Any = None
    message_data: Any = None
    maxMessagePayloadSize: int  # share_first_state() sets it on the class

    def __init__(self, connections: "Connections") -> None:
        super().__init__()
        self.connections = connections
        self.factory = connections.websocket_factory

    @cached_property
    def utf8validator(self) -> Utf8Validator:  # type: ignore[override]  # autobahn only reads it
        """Made for the first message: most readers send none."""
        return Utf8Validator()

    # From the client

    def connectionMade(self) -> None:
        with suppress(AttributeError, OSError):  # a unix socket has no such option
            self.transport.setTcpNoDelay(True)
        raw = raw_socket(self.transport)
        self.send_now = raw.send if raw is not None else None

    def begin(self, handshake: Handshake, rest: bytes) -> None:
        """Take a handshake, which waits for its answer; `rest`: bytes that came right behind it."""
        connections = self.connections
        if rest:
            connections.messages.add(self, len(rest))
        self.packets_received = 0
        self.opened_at = self.last_data = time.monotonic()
        self.data = rest
        self.key = handshake.key
        if handshake.extension and connections.options.compression:
            self.extension = handshake.extension
            take_compressed(self)
        self.path = unquote(handshake.path)
        self.protocol_to_accept = next(
            (name for name in handshake.protocols if name in self.factory.protocols), None
        )
        self.reply_channel = connections.register(self)
        peer = self.transport.getPeer()
        address = [peer.host, peer.port] if hasattr(peer, "port") else None
        self.client_addr, self.forwarded_scheme = client_address(
            connections.options.proxies, handshake.headers, address
        )
        connections.wheel.schedule(self, self.handshake_due())
        self.connect_sent = True  # or another socket's, whose reply this one shares
        self.log_action("connecting")

    def send_connect(self, handshake: Handshake) -> None:
        """Send the handshake to the workers."""
        connections, host = self.connections, self.transport.getHost()
        # Before sending: where Redis is away, the refusal is immediate.
        connections.admission.started(self)
        connections.outbox.send(
            "websocket.connect",
            {
                "reply_channel": self.reply_channel,
                "order": 0,
                "path": self.path,
                "query_string": handshake.query_string,
                "headers": handshake.headers,
                "client": self.client_addr,
                "server": [host.host, host.port] if hasattr(host, "port") else None,
                "scheme": WEBSOCKET_SCHEMES.get(self.forwarded_scheme or "", "ws"),
                SHARES_REPLIES: True,
            },
            self.connect_refused,
        )

    def dataReceived(self, data: bytes) -> None:
        self.last_data = time.monotonic()
        # What a silent crowd sends: autobahn would take three times as long for it.
        if (
            len(data) == PONG_LENGTH
            and data.startswith(PONG)
            and not self.data
            and self.current_frame is None
            and self.state == self.STATE_OPEN
        ):
            return
        self._dataReceived(data)
        if self.inside_message or self.data:
            join_pieces(self)
            self.connections.messages.add(self, len(data) + PIECE)

    def consumeData(self) -> None:
        if self.state == self.STATE_CLOSED or self.discards:
            self.data = b""  # autobahn would keep what arrives until the connection ends
        elif self.state != self.STATE_CONNECTING:
            super().consumeData()
        elif len(self.data) > self.maxMessagePayloadSize:
            self.connections.metrics.drop("flood")
            self.transport.abortConnection()

    def received_bytes(self) -> int:
        """What is held of a message that is not complete yet."""
        return half_received(self)

    def close_unfinished(self) -> None:
        """Unfinished messages of all sockets take too much memory, this one most of it."""
        self.close_with(TRY_AGAIN_LATER)
        drop_half_received(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connections.closed(self)
        super().connectionLost(reason)
        self.early, self.early_size = None, 0
        free(self)

    def connect_refused(self) -> None:
        """No worker gets the connect."""
        self.connect_sent = False
        self.refuse_busy()

    def refuse_busy(self) -> None:
        """The workers are behind, or Redis is away: the client may try again later."""
        self.deny(503, BUSY)

    def is_connecting(self) -> bool:
        """Whether the handshake waits for its answer."""
        return self.state == self.STATE_CONNECTING and self.connections.has(self.reply_channel)

    def waits_since(self) -> float:
        """When the handshake was sent to the workers, on the monotonic clock; infinite once it is
        answered."""
        return self.opened_at if self.state == self.STATE_CONNECTING else math.inf

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        if is_compressed(self):
            limit = self.connections.options.max_message
            begin_compressed(self, longest_compressed(limit) - limit)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.muted:
            return
        self.connections.metrics.count("frames_received")
        if not self.is_within_rate():
            return
        try:
            if is_compressed(self):
                payload = inflate(payload, self.connections.options.max_message)
                if self.rate_limit is not None:
                    self.rate_limit.charge(len(payload) // INFLATED)
            text = None if isBinary else payload.decode()
        except TooLong:
            self.connections.metrics.drop("inflates_too_long")
            fail(self, TOO_BIG, "the message is too long once it is inflated")
            return
        except (Corrupt, UnicodeDecodeError) as error:
            fail(self, INVALID_PAYLOAD, f"the message cannot be inflated to a text: {error}")
            return
        self.packets_received += 1
        message: Message = {
            "reply_channel": self.reply_channel,
            "path": self.path,
            "order": self.packets_received,
            "client": self.client_addr,  # not in the spec: for limits by address
        }
        if text is None:
            message["bytes"] = payload
        else:
            message["text"] = text
        self.connections.outbox.send(
            "websocket.receive", message, self.receive_refused, RECEIVE_PATIENCE
        )

    def onMessageFrameBegin(self, length: int) -> None:
        """The parts of a message count like messages: each costs as much as a short one."""
        super().onMessageFrameBegin(length)
        if self.current_frame.opcode == CONTINUATION and not self.muted:
            self.is_within_rate()

    def is_within_rate(self) -> bool:
        """Count a frame; close the socket where there are too many."""
        rate = self.connections.options.message_rate
        if not rate:
            return True
        if self.rate_limit is None:
            self.rate_limit = TokenBucket(rate, self.last_data)
        if self.rate_limit.take(self.last_data):
            return True
        self.connections.metrics.drop("flood")
        self.close_with(FLOOD)
        drop_half_received(self)
        # What follows is not even parsed. check_time() ends a client that goes on sending.
        self.data = b""
        self.transport.pauseProducing()
        return False

    def receive_refused(self) -> None:
        """The message is lost, so the conversation is: the client must begin another."""
        self.close_with(TRY_AGAIN_LATER)

    def onPing(self, payload: bytes) -> None:
        if not self.muted and self.is_within_rate():
            self.sendPong(payload)

    def onCloseFrame(self, code: int, reasonRaw: bytes) -> bool | None:
        """autobahn answers a bad close frame, and then takes that frame for the peer's answer."""
        self.answering_close = True
        self.expect_end()
        try:
            return super().onCloseFrame(code, reasonRaw)
        finally:
            self.answering_close = False

    def dropConnection(self, abort: bool = False) -> None:
        # An abort would throw the answer away; check_time() ends what does not close.
        super().dropConnection(abort and not self.answering_close)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.connections.forget(self)
        if self.connect_sent:
            self.connect_sent = False
            disconnect = {
                "reply_channel": self.reply_channel,
                "code": code or 1005,
                "path": self.path,
                "order": self.packets_received + 1,
            }
            self.connections.outbox.send("websocket.disconnect", disconnect, patience=FOREVER)
        self.log_action("disconnected")

    # From the workers

    def deliver(self, message: Message) -> None:
        """Do what the ASGI 1.x spec lets a reply to a WebSocket say. Raises ValueError."""
        unknown = message.keys() - {"bytes", "text", "close", "accept"}
        if unknown:
            names = ", ".join(map(str, unknown))
            raise ValueError(f"A reply for {self.reply_channel} holds unknown keys: {names}.")
        text, payload = message.get("text"), message.get("bytes")
        if text is not None and payload is not None:
            raise ValueError(f"A reply for {self.reply_channel} holds both text and bytes.")
        if self.state == self.STATE_CONNECTING:
            if message.get("accept") is False:
                self.reject()
                return
            self.held = []
        try:
            if message.get("accept") and self.state == self.STATE_CONNECTING:
                self.accept()
            if text is not None:
                self.send_message(TEXT, text.encode())
            elif payload is not None:
                self.send_message(BINARY, payload)
        finally:
            self.release()
        close = message.get("close")
        if close is None or close is False:
            return
        if self.state == self.STATE_CONNECTING and close not in (GOING_DOWN, TRY_AGAIN_LATER):
            self.reject()
        else:
            self.close_with(1000 if close is True else close)

    def accept(self) -> None:
        self.sendData(accept_handshake(self.key, self.protocol_to_accept, self.extension))
        self.key = b""
        self.state = self.STATE_OPEN
        self.inside_message, self.current_frame = False, None  # autobahn's frame parser
        self.connections.wheel.schedule(self, self.open_due())
        self.connections.metrics.count("websockets_opened")
        self.connections.metrics.observe("handshake", time.monotonic() - self.opened_at)
        self.log_action("connected")
        early, self.early, self.early_size = self.early, None, 0
        if early:
            self.send_frames(b"".join(early))
        self.connections.admission.finished(self)
        if self.data:
            self.consumeData()

    def reject(self) -> None:
        self.deny(403, "Access denied.")
        self.log_action("rejected")

    def send_message(self, first_byte: int, payload: bytes) -> None:
        """Send a message as one frame. `first_byte`: TEXT or BINARY."""
        if self.state == self.STATE_CONNECTING:
            self.accept()
        self.connections.metrics.count("frames_sent")
        self.send_frames(encode_frame(first_byte, payload))

    def send_frames(self, frames: bytes) -> None:
        """Write whole frames; what the kernel does not take at once waits, within a bound."""
        if self.state != self.STATE_OPEN:
            if self.state == self.STATE_CONNECTING:
                self.send_early(frames)
            return
        self.sendData(frames)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Everything is written here, autobahn's own frames too, which never use the options."""
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
            and unsent(transport) + len(data) > self.connections.options.write_buffer
        ):
            self.connections.metrics.drop("slow_client")
            self.close_with(TRY_AGAIN_LATER)
            return
        transport.write(data)
        self.connections.writes.add(self, len(data))

    def unsent_bytes(self) -> int:
        """What the client has not read yet."""
        return buffered(self.transport) + self.early_size

    def close_slow(self) -> None:
        """What slow clients have not read takes too much memory, this one's part most of it."""
        self.close_with(TRY_AGAIN_LATER)

    def release(self) -> None:
        """Write at once what was held."""
        held, self.held = self.held, None
        if held:
            self.sendData(b"".join(held))

    def send_early(self, frames: bytes) -> None:
        """Keep a broadcast for a socket that joined a group before it was accepted."""
        if self.early is None:
            self.early = []
        size = self.early_size + len(frames)
        if len(self.early) < MOST_EARLY and size <= self.connections.options.write_buffer:
            self.early.append(frames)
            self.early_size = size
            self.connections.writes.add(self, len(frames))
        else:
            self.connections.metrics.drop("before_accept")

    # Ends

    def deny(self, status: int, sentence: str) -> None:
        """Answer the handshake with an HTTP status."""
        self.connections.forget(self)
        if self.state == self.STATE_CONNECTING:
            self.wasNotCleanReason = sentence  # for autobahn's log
            self.sendData(refusal(status, sentence, RETRY_AFTER if status == 503 else b""))
            self.dropConnection()

    def close_with(self, code: int) -> None:
        """Send a close frame, nothing after it, and take no more messages."""
        self.muted = True
        self.expect_end()
        self.connections.leave_groups(self)
        if self.state != self.STATE_CONNECTING:
            self.sendCloseFrame(code=code)
        elif code in (GOING_DOWN, TRY_AGAIN_LATER):
            self.deny(503, BUSY)
        else:
            self.deny(403, "Access denied.")

    def cut(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()

    # Time

    def handshake_due(self) -> float:
        """When the handshake must be answered."""
        limit = self.connections.options.websocket_connect_timeout
        return math.inf if limit < 0 else self.opened_at + limit

    def open_due(self) -> float:
        """When an open socket has lasted long enough, is pinged, or is given up."""
        options = self.connections.options
        longest = options.websocket_timeout
        end = math.inf if longest < 0 else self.opened_at + longest
        if options.ping_interval < 0:
            return end
        if options.ping_timeout > 0 and self.pinged_at > self.last_data:
            return min(end, self.pinged_at + options.ping_timeout)
        silent_since = max(self.last_data, self.pinged_at)
        early = PING_JITTER * random.random()
        return min(end, silent_since + options.ping_interval * (1 - early))

    def expect_end(self) -> None:
        """The closing handshake has begun: the client has CLOSE_WITHIN seconds for its part."""
        if self.closing_since is None:
            self.closing_since = time.monotonic()
            self.connections.wheel.schedule(self, self.closing_since + CLOSE_WITHIN)

    def check_time(self, now: float) -> float:
        """End what takes too long, and ping a silent socket. See timer_wheel.Timed."""
        if self.closing_since is not None:
            due = self.closing_since + CLOSE_WITHIN
            if now < due:
                return due
            self.transport.abortConnection()
            return math.inf
        if self.state == self.STATE_CONNECTING:
            due = self.handshake_due()
            if now < due:
                return due
            self.connections.metrics.drop("handshake_timeout")
            # A worker that handles the connect later finds that the socket is gone.
            self.deny(503, "The workers did not answer in time.")
            return math.inf
        if self.state != self.STATE_OPEN:
            return math.inf
        if 0 <= self.connections.options.websocket_timeout <= now - self.opened_at:
            self.close_with(1000)
            return math.inf
        return self.keep_alive(now)

    def keep_alive(self, now: float) -> float:
        """Ping a client that has been silent, give up one that has not answered.

        Only what the client sends proves that it lives, not what is sent to it. Returns when to
        call it again.
        """
        options = self.connections.options
        if self.pinged_at > self.last_data:
            if 0 < options.ping_timeout <= now - self.pinged_at:
                self.connections.metrics.drop("ping_timeout")
                self.wasNotCleanReason = "the client answers no ping"  # for autobahn's log
                self.cut()
                return math.inf
        elif 0 <= options.ping_interval * (1 - PING_JITTER) <= now - self.last_data:
            self.pinged_at = now
            self.connections.metrics.count("pings")
            self.sendData(PING)
        return self.open_due()

    def log_action(self, action: str) -> None:
        if not self.connections.action_logger:
            return
        client = ":".join(map(str, self.client_addr)) if self.client_addr else None
        details = {"path": self.path, "client": client}
        self.connections.action_logger("websocket", action, details)
