"""The client's half of the opening handshake (RFC 6455 §4.1)."""

import base64
import hashlib

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# One key for all connections: it guards against proxies, of which loopback has none, and a random
# one each would cost the client more than the rest of a handshake.
KEY = base64.b64encode(b"liveblog-bench-1")
ACCEPT = base64.b64encode(hashlib.sha1(KEY + MAGIC).digest())


class HandshakeRefused(Exception):
    """The server answered, but not with a WebSocket connection."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status

    def __str__(self):
        return f"handshake answered with {self.status}"


def request(host, port, path):
    """The bytes of an opening handshake; its Origin is the server's own."""
    return (
        f"GET {path} HTTP/1.1\r\n"
        f"Host: {host}:{port}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY.decode()}\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        f"Origin: http://{host}:{port}\r\n"
        "\r\n"
    ).encode()


def read_response(data):
    """Return the bytes after the response's head, None while it is incomplete.

    Raises HandshakeRefused for any other answer than a valid 101.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    status, *fields = data[:end].split(b"\r\n")
    if not status.startswith(b"HTTP/1.1 101"):
        raise HandshakeRefused(status.decode("latin-1"))
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (field.partition(b":") for field in fields)
    }
    if headers.get(b"sec-websocket-accept") != ACCEPT:
        raise HandshakeRefused("101, but a wrong Sec-WebSocket-Accept")
    return data[end + 4 :]
