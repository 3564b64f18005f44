"""HTTP requests to workers and their responses back, as the ASGI 1.x spec describes them."""

import logging
import math
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from channels_realtime import tracing
from channels_realtime.interface.http_errors import (
    BUSY,
    REASONS,
    RETRY_AFTER,
    RETRY_AFTER_HEADER,
    refusal,
)
from channels_realtime.interface.liveness import (
    ONLY_READ,
    READY_CHANNEL,
    READY_WITHIN,
    Answer,
    unanswered,
)
from channels_realtime.interface.proxy import Address, client_address
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.redis.outbox import Message
from channels_realtime.interface.takeover.internals import resume_response
from channels_realtime.interface.takeover.state import RequestState
from channels_realtime.internals import header_size

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from channels_realtime.interface.http.channel import Channel

logger = logging.getLogger("channels_realtime.http")

LINGER = 5  # s that a refused body may go on before the connection is cut
ERROR_PAGE: str = WebRequest.error_template  # with %(title)s and %(body)s


class Request(http.Request):
    """A request whose body is bounded, and its response."""

    channel: "Channel"
    content: BytesIO
    transport: Any  # Twisted declares it by a zope interface, whose methods have no `self`
    client_addr: Address | None = None
    is_refused = False  # answered before its body was complete
    is_sent = False  # to the workers
    has_response = False  # whether the response has begun
    body_limit = 0  # bytes
    span: "Span | None" = None  # of a trace
    # A request may be in a group, whose message answers it. To a broadcast of text it looks like
    # a socket that is not open.
    muted = False
    state = send_now = None
    wheel_slot = 0
    extension = b""
    history, since = None, 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Workers parse forms; the interface server would do it for nothing, and stand still for it.
        super().__init__(*args, **kwargs | {"parsePOSTFormSubmission": False})
        self.connections = self.channel.connections
        self.reply_channel = self.connections.register(self)
        self.started_at = time.monotonic()
        self.connections.wheel.schedule(self, self.due())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.connections.unregister(self.reply_channel):
            self.send_disconnect()
        super().connectionLost(reason)
        self.connections.bodies.abandon(self.reply_channel)
        self.connections.leave_groups(self)
        self.end_span(None)

    # The body

    def gotLength(self, length: int | None) -> None:
        """The header is complete; `length` of the body, None where it is chunked."""
        self.content = BytesIO()
        options = self.connections.options
        self.body_limit = options.max_upload
        if length != 0 and not self.may_upload():
            self.body_limit = min(self.body_limit, options.max_anonymous_upload)
        if length is not None and length > self.body_limit:
            self.refuse_length()
        elif not self.connections.bodies.begin(
            self.reply_channel, header_size(self.channel), length
        ):
            self.refuse_for_now()

    def may_upload(self) -> bool:
        """Whether the client sends a session cookie or a token. Workers validate them."""
        return (
            self.requestHeaders.hasHeader(b"Authorization")
            or self.connections.options.session_cookie in self.received_cookies
        )

    def handleContentChunk(self, data: bytes) -> None:
        if self.is_refused:
            return
        if self.content.tell() + len(data) > self.body_limit:
            self.refuse_length()
        elif self.connections.bodies.grow(self.reply_channel, len(data)):
            self.content.write(data)
        else:
            self.refuse_for_now()

    def refuse_length(self) -> None:
        limit = self.body_limit
        if limit < self.connections.options.max_upload:
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
        self.connections.bodies.abandon(self.reply_channel)
        self.connections.forget(self)
        self.connections.metrics.drop(reason)
        self.transport.write(refusal(status, sentence, headers))
        # A client that sends everything before it reads would see a reset instead of the reason.
        self.channel.transport.loseWriteConnection()
        reactor.callLater(LINGER, self.channel.transport.abortConnection)

    # To the workers

    def process(self) -> None:
        """The request is complete: Twisted calls this."""
        if self.is_refused:
            self.channel.transport.loseConnection()
            return
        upgrade = self.requestHeaders.getRawHeaders(b"Upgrade", [b""])[0]
        if upgrade.lower() == b"websocket":
            self.upgrade()
            return
        self.started_at = time.monotonic()
        options = self.connections.options
        if options.health_path and self.path == options.health_path:
            self.answer_health()
            return
        try:
            path = unquote(self.path.decode("ascii"))
        except UnicodeDecodeError:
            self.path = b"/"
            self.answer_error(400, "The path holds bytes that are not ASCII.")
            return
        root_path = options.root_path
        headers = []
        for name, values in self.requestHeaders.getAllRawHeaders():
            name = name.lower()
            if b"_" in name:
                continue  # CVE-2015-0219
            for value in values:
                if name == b"daphne-root-path":
                    # A client's own would put links to other sites into pages that caches keep.
                    if options.proxies.hops:
                        root_path = unquote(value.decode("latin1"))
                else:
                    headers.append((name, value))
        peer = [self.client.host, self.client.port] if hasattr(self.client, "port") else None
        self.client_addr, scheme = client_address(options.proxies, headers, peer)
        body = self.content.getvalue()
        self.content = BytesIO()  # the message has it
        self.connections.metrics.count("http_requests")
        self.is_sent = True
        if self.is_ready_check:
            self.connections.wheel.schedule(self, self.due())
        message: Message = {
            "reply_channel": self.reply_channel,
            "http_version": self.clientproto.split(b"/")[-1].decode("ascii"),
            "method": self.method.decode("ascii"),
            "path": path,
            "root_path": root_path,
            "scheme": scheme or ("https" if self.isSecure() else "http"),
            "query_string": self.uri.partition(b"?")[2],
            "headers": headers,
            "body": body,
            "client": self.client_addr,
            "server": [self.host.host, self.host.port] if hasattr(self.host, "port") else None,
        }
        if tracing.active is not None and not self.is_ready_check:
            self.span = tracing.active.begin_request(message["method"], message)
        channel = READY_CHANNEL if self.is_ready_check else "http.request"
        self.connections.bodies.send(channel, message, self.refuse_busy)

    @property
    def is_ready_check(self) -> bool:
        ready_path = self.connections.options.ready_path
        return bool(ready_path) and self.path == ready_path

    def waits_since(self) -> float:
        """When it was sent to the workers, on the monotonic clock; infinite once it is answered."""
        return self.started_at if self.is_sent and not self.has_response else math.inf

    def refuse_busy(self) -> None:
        """The workers are behind, or Redis is away: the client may try again later."""
        if self._disconnected or self.has_response:
            return
        if self.is_ready_check:
            self.answer_json(
                unanswered("Redis is away, or does not take a message for the workers.")
            )
        else:
            self.answer_error(503, BUSY)

    def upgrade(self) -> None:
        """A handshake on a connection that was used before: build its header again."""
        lines = [self.method + b" " + self.uri + b" HTTP/1.1"]
        for name, values in self.requestHeaders.getAllRawHeaders():
            lines += [name + b": " + value for value in values]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        self.connections.unregister(self.reply_channel)
        self.connections.bodies.abandon(self.reply_channel)
        transport = self.channel.transport
        self.channel.setTimeout(None)
        transport.unregisterProducer()
        rest = self.channel.clearLineBuffer()  # what arrived right behind it
        self.connections.upgrade(transport, head + rest, len(head) - 4)
        transport.resumeProducing()

    def send_disconnect(self) -> None:
        """The client left before its response was complete; for consumers that poll long."""
        if self.path:
            message = {"reply_channel": self.reply_channel, "path": unquote(self.path.decode())}
            self.connections.outbox.send("http.disconnect", message)

    # The response

    def respond(self, message: Message) -> None:
        """Send the response, or a part of it. Raises ValueError."""
        if not self.has_response:
            if "status" not in message:
                raise ValueError(f"The first reply for {self.reply_channel} has no status.")
            self.has_response = True
            self.setResponseCode(message["status"])
            for name, value in message.get("headers", ()):
                if isinstance(name, str):  # ASGI has bytes; Daphne allows both
                    name = name.encode("latin1")
                self.responseHeaders.addRawHeader(name, value)
        elif "status" in message:
            raise ValueError(f"Another reply for {self.reply_channel} has a status.")
        self.write(message.get("content", b""))
        if not message.get("more_content", False):
            self.finish()
            self.log_action()

    def answer_health(self) -> None:
        """Answer for this process, whatever Redis and the workers do."""
        is_read = self.method in (b"GET", b"HEAD")
        connections = len(self.connections.by_reply_channel) - 1  # without this one
        liveness = self.connections.liveness
        self.answer_json(liveness.answer(connections) if is_read else ONLY_READ)

    def answer_json(self, answer: Answer) -> None:
        headers = list(answer.headers)
        self.respond({"status": answer.status, "headers": headers, "content": answer.body})

    def answer_error(self, status: int, sentence: str) -> None:
        """Answer with a page of one sentence. `status`: one of REASONS."""
        headers = [(b"Content-Type", b"text/html; charset=utf-8")]
        if status == 503:
            headers.append(RETRY_AFTER_HEADER)
        page = ERROR_PAGE % {"title": f"{status} {REASONS[status].decode()}", "body": sentence}
        self.respond({"status": status, "headers": headers, "content": page.encode()})

    def send_frames(self, frames: bytes) -> None:
        logger.error("A text for a group reached %s, a request", self.reply_channel)

    def finish(self) -> None:
        """The response is complete. Unlike Daphne's, no worker is told: none listens for it."""
        self.connections.bodies.abandon(self.reply_channel)
        self.connections.forget(self)
        self.end_span(self.code)
        super().finish()

    def end_span(self, status: int | None) -> None:
        """The request has ended. `status`: None where the client left before its response."""
        if self.span is not None and tracing.active is not None:
            tracing.active.end_request(self.span, status)
            self.span = None

    def cut(self) -> None:
        """End the connection at once."""
        self.channel.transport.abortConnection()

    def due(self) -> float:
        """When the request will have taken too long, on the monotonic clock."""
        limit = self.connections.options.http_timeout
        limit = math.inf if limit < 0 else limit
        if self.is_ready_check and not self.has_response:
            limit = min(limit, READY_WITHIN)
        return self.started_at + limit

    def check_time(self, now: float) -> float:
        """End a request that takes too long. See timer_wheel.Timed."""
        if now < self.due():
            return self.due()
        if self.is_ready_check and not self.has_response:
            problem = f"No worker has answered this check within {READY_WITHIN:g} s."
            self.answer_json(unanswered(problem))
        elif self.path is None:  # Twisted sets it once the body is complete
            self.refuse("slow_body", 408, "The request did not arrive in time.")
        else:
            self.connections.metrics.drop("http_timeout")
            if self.has_response:
                # Half a response was sent: only a cut tells the client that the rest is missing.
                self.cut()
            else:
                self.answer_error(503, "The workers did not answer in time.")
        return math.inf

    # Between two processes: see channels_realtime.interface.takeover

    def export(self) -> RequestState:
        """Its state, for another process: it is complete and waits for its response."""
        headers = self.responseHeaders.getAllRawHeaders()
        return {
            "reply_channel": self.reply_channel,
            "method": self.method,
            "uri": self.uri,
            "version": self.clientproto,
            "client_addr": self.client_addr,
            "is_sent": self.is_sent,
            "started_at": self.started_at,
            "has_response": self.has_response,
            "started_writing": bool(self.startedWriting),
            "chunked": bool(self.chunked),
            "sent_length": self.sentLength,
            "code": self.code,
            "reason": self.code_message,
            "headers": [(name, value) for name, values in headers for value in values],
        }

    def restore(self, state: RequestState) -> None:
        """Go on with what another process has exported."""
        self.connections.unregister(self.reply_channel)  # that of __init__
        self.reply_channel = state["reply_channel"]
        self.connections.register_as(self.reply_channel, self)
        self.method, self.uri, self.clientproto = state["method"], state["uri"], state["version"]
        self.path = self.uri.partition(b"?")[0]
        self.content = BytesIO()
        self.client_addr = state["client_addr"]
        self.is_sent = state["is_sent"]
        self.started_at = state["started_at"]
        self.has_response = state["has_response"]
        self.chunked = int(state["chunked"])
        self.sentLength = state["sent_length"]
        self.code, self.code_message = state["code"], state["reason"]
        for name, value in state["headers"]:
            self.responseHeaders.addRawHeader(name, value)
        if state["started_writing"]:
            resume_response(self)
        self.connections.wheel.schedule(self, self.due())

    def log_action(self) -> None:
        if not self.connections.action_logger:
            return
        client = ":".join(map(str, self.client_addr)) if self.client_addr else None
        details: dict[str, Any] = {
            "path": self.uri.decode("ascii", "backslashreplace"),
            "status": self.code,
            "method": self.method.decode("ascii", "backslashreplace"),
            "client": client,
            "time_taken": time.monotonic() - self.started_at,
            "size": self.sentLength,
        }
        self.connections.action_logger("http", "complete", details)
