"""HTTP requests to workers and their responses back, and the door where WebSockets turn off."""

import logging
import re
import time
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from twisted.internet.protocol import Protocol
from twisted.web import http

from realtime.liveness import ONLY_READ, READY_CHANNEL, READY_WITHIN, Answer, unanswered
from realtime.proxy import client_address
from realtime.refusals import refusal

logger = logging.getLogger("realtime.http")

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

    def connectionMade(self):
        # The HTTP channel brings a timeout of its own.
        self.opened = time.monotonic()
        self.factory.doors.add(self)

    def dataReceived(self, data):
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end == -1 and len(self.head) <= LONGEST_HEADER:
            return
        self.factory.doors.discard(self)
        if end == -1 or end > LONGEST_HEADER:
            self.factory.metrics.drop("bad_header")
            self.transport.write(refusal(400, "The request header is too long."))
            self.transport.loseConnection()
            return
        if self.head.startswith(b"GET ") and UPGRADE.search(self.head, 0, end + 4):
            self.factory.upgrade(self.transport, self.head, end)
        else:
            self.factory.make_channel(self.transport).dataReceived(self.head)

    def connectionLost(self, reason):
        self.factory.doors.discard(self)

    def check_time(self, now):
        """Called every 2 s: ends a connection whose first request header does not come."""
        if now - self.opened > FIRST_BYTES:
            self.factory.metrics.drop("slow_header")
            self.transport.abortConnection()


class Request(WebRequest):
    """A request whose body is bounded and whose sends do not block."""

    too_large = False
    # A request may be in a group, whose message answers it. To a broadcast of text it looks like
    # a socket that is not open.
    muted = False
    state = send_now = None

    def send_frames(self, frames):
        logger.error("A text for a group reached %s, a request", self.reply_channel)

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.factory.leave_groups(self)

    def __init__(self, *args, **kwargs):
        # Workers parse forms; the interface server would do it for nothing, and stand still for it.
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)
        self.request_start = time.monotonic()

    def duration(self):
        return time.monotonic() - self.request_start

    def gotLength(self, length):
        super().gotLength(length)
        if length is not None and length > self.factory.max_upload:
            self.refuse_body()

    def handleContentChunk(self, data):
        if self.too_large:
            return
        super().handleContentChunk(data)
        if self.content.tell() > self.factory.max_upload:
            self.refuse_body()

    def refuse_body(self):
        """Answer at once: the rest of the body would only cost both sides."""
        self.too_large = True
        self.factory.metrics.drop("upload_too_large")
        limit = self.factory.max_upload
        self.transport.write(refusal(413, f"The body is longer than {limit} bytes."))
        # A client that sends everything before it reads would see a reset instead of the reason.
        self.channel.transport.loseWriteConnection()
        self.factory.reactor.callLater(LINGER, self.channel.transport.abortConnection)

    def process(self):
        if self.too_large:
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
        self.content.seek(0)
        self.factory.metrics.count("http_requests")
        self.factory.outbox.send(
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
                "body": self.content.read(),
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
            self.basic_error(503, b"Service Unavailable", "Busy; please try again in a moment.")

    def hand_over(self):
        """A handshake on a connection that was used before: build its header again."""
        lines = [self.method + b" " + self.uri + b" HTTP/1.1"]
        for name, values in self.requestHeaders.getAllRawHeaders():
            lines += [name + b": " + value for value in values]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        self.factory.reply_protocols.pop(self.reply_channel, None)
        self.reply_channel = None
        transport = self.channel.transport
        self.channel.setTimeout(None)
        transport.unregisterProducer()
        rest = self.channel.clearLineBuffer()  # what came right behind it
        self.factory.upgrade(transport, head + rest, len(head) - 4)
        transport.resumeProducing()

    def finish(self):
        """The response is complete. Daphne would tell workers, none of whom listens."""
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
