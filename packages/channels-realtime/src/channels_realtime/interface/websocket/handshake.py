"""The opening handshake of a WebSocket, RFC 6455, section 4.2: request and response.

autobahn's own took a fifth of the interface server's time for it, joined equal headers into one,
and cut the path at a semicolon.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1
from typing import NamedTuple

from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.websocket.compression import negotiate

# What str.splitlines takes for a line end: a consumer that splits lines would see two headers where
# one was sent (CVE-2026-44546).
LINE_ENDS = b"\x0b\x0c\x1c\x1d\x1e\x85"
NAME = re.compile(rb"[!#$%&'*+\-.^_`|~\w]+")  # a token, RFC 9110, section 5.6.2
ORIGIN_OF_TARGET = re.compile(rb"(?:http|ws)s?://[^/?]*", re.IGNORECASE)  # as sent to a proxy
ONCE = (b"host", b"origin", b"sec-websocket-key", b"sec-websocket-version")
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %s\r\n%s%s\r\n"
)


class Handshake(NamedTuple):
    """A parsed request. `headers` are in their order, with names in lower case."""

    path: str  # percent-encoded
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    protocols: list[str]  # the subprotocols that the client offers
    key: bytes
    extension: bytes  # what accepts the compression that the client offers


def read_handshake(head: bytes) -> Handshake:
    """Parse a request header, without its empty line. Raises Refused."""
    request_line, *lines = head.split(b"\r\n")
    path, _, query_string = read_target(request_line).partition(b"?")
    if not head.count(b"\r") == head.count(b"\n") == len(lines):
        raise Refused(400, "A header holds half a line end.")
    if len(head.translate(None, LINE_ENDS)) != len(head):
        raise Refused(400, "A header holds characters that are not allowed.")
    # CVE-2015-0219: X_Forwarded_For would pass for X-Forwarded-For.
    headers = [header for header in map(read_header, lines) if b"_" not in header[0]]
    values = dict(headers)
    if len(values) < len(headers):
        names = [name for name, _ in headers]
        for name in ONCE:
            if names.count(name) > 1:
                raise Refused(400, f"There is more than one {name.decode()} header.")
    if not values.get(b"host"):
        raise Refused(400, "There is no host header.")
    if b"upgrade" not in [option.lower() for option in listed(headers, b"connection")]:
        raise Refused(400, "The connection header does not say upgrade.")
    if values.get(b"sec-websocket-version") != b"13":
        known = b"Sec-WebSocket-Version: 13\r\n"
        raise Refused(400, "The sec-websocket-version header must be 13.", known)
    key = values.get(b"sec-websocket-key", b"")
    if not KEY.fullmatch(key):
        raise Refused(400, "The sec-websocket-key header must be 16 bytes in base64.")
    protocols = [name.decode("latin1") for name in listed(headers, b"sec-websocket-protocol")]
    offers = b",".join(v for name, v in headers if name == b"sec-websocket-extensions")
    return Handshake(path.decode(), query_string, headers, protocols, key, negotiate(offers))


def read_target(request_line: bytes) -> bytes:
    """The requested path and query string. Raises Refused."""
    words = request_line.split(b" ")
    if len(words) != 3:
        raise Refused(400, "The request line must be a method, a path and a version.")
    method, target, version = words
    if method != b"GET":
        raise Refused(405, "A WebSocket handshake must use GET.", b"Allow: GET\r\n")
    if version != b"HTTP/1.1":
        raise Refused(505, "A WebSocket handshake must use HTTP/1.1.")
    if not target.startswith(b"/"):
        target = ORIGIN_OF_TARGET.sub(b"", target, count=1)
    if not target.startswith(b"/") or b"#" in target or not target.isascii():
        raise Refused(400, "The path must begin with a slash and be ASCII without a fragment.")
    return target


def read_header(line: bytes) -> tuple[bytes, bytes]:
    """The name in lower case and the value. Raises Refused."""
    name, colon, value = line.partition(b":")
    if not colon or not NAME.fullmatch(name):
        raise Refused(400, "A header must be a name, a colon and a value.")
    return name.lower(), value.strip(b" \t")


def listed(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """The comma-separated values of all headers of this name."""
    return [part.strip() for other, value in headers if other == name for part in value.split(b",")]


def accept_handshake(key: bytes, protocol: str | None = None, extension: bytes = b"") -> bytes:
    """The response that opens the socket.

    Args:
        protocol: one of those offered.
        extension: what accepts an offered extension.
    """
    accept = b64encode(sha1(key + MAGIC).digest())
    chosen = b"Sec-WebSocket-Protocol: %s\r\n" % protocol.encode("latin1") if protocol else b""
    extended = b"Sec-WebSocket-Extensions: %s\r\n" % extension if extension else b""
    return ACCEPTED % (accept, chosen, extended)
