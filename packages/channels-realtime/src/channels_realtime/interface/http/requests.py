"""HTTP requests to workers and their responses back, and the door where WebSockets turn off."""

import logging
import re
import time
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web import http

from channels_realtime.interface.http_errors import BUSY, RETRY_AFTER, refusal
from channels_realtime.interface.liveness import (
    ONLY_READ,
    READY_CHANNEL,
    READY_WITHIN,
    Answer,
    unanswered,
)
from channels_realtime.interface.proxy import client_address
from channels_realtime.internals import buffered, header_size, unparsed

logger = logging.getLogger("channels_realtime.http")

UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
LONGEST_HEADER = 16384  # bytes, request line included: as Twisted's own
LINGER = 5  # s that a refused body may go on before the connection is cut
FIRST_BYTES = 10  # s for a whole request header to come


class Door(Protocol):
    """The first request header of a connection decides what it is.

    A WebSocket handshake is read at once, without a Twisted request made for it first; anything
    else goes to Twisted's HTTP channel.
    """

    head = b""
    is_refused = False

    def connectionMade(self) -> None:
        # The HTTP channel brings a timeout of its own.
        self.opened = time.monotonic()
        if self.factory.connected():
            self.factory.doors.add(self)
        else:
            self.refuse(503, BUSY, RETRY_AFTER)

    def dataReceived(self, data: bytes) -> None:
        if self.is_refused:
            return
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end == -1 and len(self.head) <= LONGEST_HEADER:
            self.factory.headers.note(self, len(data))
            return
        self.factory.doors.discard(self)
        if end == -1 or end > LONGEST_HEADER:
            self.factory.metrics.drop("bad_header")
            self.refuse(400, "The request header is too long.")
            return
        head, self.head = self.head, b""
        if head.startswith(b"GET ") and UPGRADE.search(head, 0, end + 4):
            self.factory.upgrade(self.transport, head, end)
        else:
            self.factory.make_channel(self.transport).dataReceived(head)

    def refuse(self, status: int, sentence: str, headers: bytes = b"") -> None:
        self.is_refused = True
        self.head = b""
        self.transport.write(refusal(status, sentence, headers))
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure) -> None:
        self.factory.doors.discard(self)
        self.factory.disconnected(self)

    def check_time(self, now: float) -> None:
        """Called every 2 s: ends a connection whose first request header does not come."""
        if now - self.opened > FIRST_BYTES:
            self.factory.metrics.drop("slow_header")
            self.transport.abortConnection()

    def received_bytes(self) -> int:
        return len(self.head)

    def close_unfinished(self) -> None:
        """Unfinished headers of all connections take too much memory, this one most of it."""
        self.factory.doors.discard(self)
        self.refuse(503, BUSY, RETRY_AFTER)


class Request(WebRequest):
    """A request whose body is bounded and whose sends do not block."""

    is_refused = False  # answered before its body was complete
    body_limit = 0  # bytes
    # A request may be in a group, whose message answers it. To a broadcast of text it looks like
    # a socket that is not open.
    muted = False
    state = send_now = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Workers parse forms; the interface server would do it for nothing, and stand still for it.
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)
        self.request_start = time.monotonic()

    def send_frames(self, frames: bytes) -> None:
        logger.error("A text for a group reached %s, a request", self.reply_channel)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self.factory.bodies.abandon(self.reply_channel)
        self.factory.leave_groups(self)

    def duration(self) -> float:
        return time.monotonic() - self.request_start

    # The body

    def gotLength(self, length: int | None) -> None:
        """The header is complete; `length` of the body, None where it comes in chunks."""
        self.content = BytesIO()
        self.body_limit = self.factory.max_upload
        if length != 0 and not self.may_upload():
            self.body_limit = min(self.body_limit, self.factory.max_anonymous_upload)
        if length is not None and length > self.body_limit:
            self.refuse_length()
        elif not self.factory.bodies.begin(self.reply_channel, header_size(self.channel), length):
            self.refuse_for_now()

    def may_upload(self) -> bool:
        """Whether the client sends a session cookie or a token. Workers validate them."""
        return (
            self.requestHeaders.hasHeader(b"Authorization")
            or self.factory.session_cookie in self.received_cookies
        )

    def handleContentChunk(self, data: bytes) -> None:
        if self.is_refused:
            return
        if self.content.tell() + len(data) > self.body_limit:
            self.refuse_length()
        elif self.factory.bodies.grow(self.reply_channel, len(data)):
            self.content.write(data)
        else:
            self.refuse_for_now()

    def refuse_length(self) -> None:
        limit = self.body_limit
        if limit < self.factory.max_upload:
            sentence = (
                f"Without a session or an Authorization header a body has at most {limit} bytes."
            )
            self.refuse("anonymous_upload", 413, sentence)
        else:
            self.refuse("upload_too_large", 413, f"The body is longer than {limit} bytes.")

    def refuse_for_now(self) -> None:
        """Requests take all the memory that they may: workers are behind, or stopped."""
        self.refuse("requests_full", 503, BUSY, RETRY_AFTER)

    def refuse(self, reason: str, status: int, sentence: str, headers: bytes = b"") -> None:
        """Answer at once: the rest of the body would only cost both sides."""
        self.is_refused = True
        self.content = BytesIO()
        self.factory.bodies.abandon(self.reply_channel)
        self.factory.forget(self)
        self.factory.metrics.drop(reason)
        self.transport.write(refusal(status, sentence, headers))
        # A client that sends everything before it reads would see a reset instead of the reason.
        self.channel.transport.loseWriteConnection()
        self.factory.reactor.callLater(LINGER, self.channel.transport.abortConnection)

    # To the workers

    def process(self):
        if self.is_refused:
            self.channel.transport.loseConnection()
            return
        upgrade = self.requestHeaders.getRawHeaders(b"Upgrade", [b""])[0]
        if upgrade.lower() == b"websocket":
            self.hand_over()
            return
        self.request_start = time.monotonic()
        if self.factory.health_path and self.path == self.factory.health_path:
            self.answer_health()
            return
        try:
            path = unquote(self.path.decode("ascii"))
        except UnicodeDecodeError:
            self.path = b"/"
            self.basic_error(400, b"Bad Request", "The path holds bytes that are not ASCII.")
            return
        self.root_path = self.factory.root_path
        headers = []
        for name, values in self.requestHeaders.getAllRawHeaders():
            name = name.lower()
            if b"_" in name:
                continue  # CVE-2015-0219
            for value in values:
                if name == b"daphne-root-path":
                    # A client's own would put links to other sites into pages that caches keep.
                    if self.factory.proxy.hops:
                        self.root_path = unquote(value.decode("latin1"))
                else:
                    headers.append((name, value))
        peer = [self.client.host, self.client.port] if hasattr(self.client, "port") else None
        self.client_addr, scheme = client_address(self.factory.proxy, headers, peer)
        body = self.content.getvalue()
        self.content = None  # the message has it
        self.factory.metrics.count("http_requests")
        self.factory.bodies.send(
            READY_CHANNEL if self.is_ready_check else "http.request",
            {
                "reply_channel": self.reply_channel,
                "http_version": self.clientproto.split(b"/")[-1].decode("ascii"),
                "method": self.method.decode("ascii"),
                "path": path,
                "root_path": self.root_path,
                "scheme": scheme or ("https" if self.isSecure() else "http"),
                "query_string": self.uri.partition(b"?")[2],
                "headers": headers,
                "body": body,
                "client": self.client_addr,
                "server": [self.host.host, self.host.port] if hasattr(self.host, "port") else None,
            },
            self.refused,
        )

    @property
    def is_ready_check(self) -> bool:
        return bool(self.factory.ready_path) and self.path == self.factory.ready_path

    def answer_health(self) -> None:
        """Answer for this process, whatever Redis and the workers do."""
        self.client_addr = None
        is_read = self.method in (b"GET", b"HEAD")
        connections = len(self.factory.reply_protocols) - 1  # without this one
        self.answer_json(self.factory.liveness.answer(connections) if is_read else ONLY_READ)

    def answer_json(self, answer: Answer) -> None:
        headers = list(answer.headers)
        self.serverResponse({"status": answer.status, "headers": headers, "content": answer.body})

    def refused(self):
        """The workers are behind, or Redis away."""
        if self._disconnected or self._got_response_start:
            return
        if self.is_ready_check:
            self.answer_json(
                unanswered("Redis is away, or does not take a message for the workers.")
            )
        else:
            self.basic_error(503, b"Service Unavailable", BUSY)

    def hand_over(self):
        """A handshake on a connection that was used before: build its header again."""
        lines = [self.method + b" " + self.uri + b" HTTP/1.1"]
        for name, values in self.requestHeaders.getAllRawHeaders():
            lines += [name + b": " + value for value in values]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        self.factory.reply_protocols.pop(self.reply_channel, None)
        self.factory.bodies.abandon(self.reply_channel)
        self.reply_channel = None
        transport = self.channel.transport
        self.channel.setTimeout(None)
        transport.unregisterProducer()
        rest = self.channel.clearLineBuffer()  # what came right behind it
        self.factory.upgrade(transport, head + rest, len(head) - 4)
        transport.resumeProducing()

    def finish(self):
        """The response is complete. Daphne would tell workers, none of whom listens."""
        self.factory.bodies.abandon(self.reply_channel)
        self.factory.forget(self)
        http.Request.finish(self)

    def send_disconnect(self):
        """The client went before its response was complete; for consumers that poll long."""
        if self.path:
            message = {"reply_channel": self.reply_channel, "path": unquote(self.path.decode())}
            self.factory.outbox.send("http.disconnect", message)

    def check_time(self, now):
        """Called every 2 s: ends a request that took too long."""
        waited = now - self.request_start
        if self.is_ready_check and not self._got_response_start and waited > READY_WITHIN:
            problem = f"No worker has answered this check within {READY_WITHIN:g} s."
            self.answer_json(unanswered(problem))
            return
        if self.factory.timeout < 0 or waited <= self.factory.timeout:
            return
        if self.path is None:
            self.refuse("slow_body", 408, "The request did not arrive in time.")
            return
        self.factory.metrics.drop("http_timeout")
        if self._got_response_start:
            # Half a response was sent: only a cut tells the client that the rest is missing.
            self.channel.transport.abortConnection()
        else:
            self.basic_error(503, b"Service Unavailable", "The workers did not answer in time.")


class Channel(http.HTTPChannel):
    """Twisted's HTTP/1.1 channel with our requests."""

    requestFactory = Request
    totalHeadersSize = LONGEST_HEADER

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if unparsed(self):
            self.factory.messages.note(self, len(data))

    def _send100Continue(self) -> None:
        if not self.requests[-1].is_refused:
            super()._send100Continue()

    def connectionLost(self, reason: Failure) -> None:
        self.factory.disconnected(self)
        super().connectionLost(reason)

    # What it holds: see channels_realtime.interface.buffers

    def received_bytes(self) -> int:
        return unparsed(self)

    def unsent_bytes(self) -> int:
        return buffered(self.transport)

    def close(self) -> None:
        """The memory for its kind of buffer is used up. No answer can stand before others."""
        self.transport.abortConnection()

    close_unfinished = close_slow = close
