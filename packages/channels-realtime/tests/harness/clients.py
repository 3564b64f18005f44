"""WebSocket and raw clients of an interface server."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from harness.waiting import PATIENCE


class Client:
    """A WebSocket client whose waits are bounded by the tests' patience."""

    def __init__(self, url: str, **options: Any):
        options = {"proxy": None, "ping_interval": None, "open_timeout": PATIENCE} | options
        self.exits = ExitStack()
        self.connection = self.exits.enter_context(connect(url, **options))

    def recv(self) -> str | bytes:
        return self.connection.recv(timeout=PATIENCE)

    def send(self, content: str | bytes) -> None:
        self.connection.send(content)

    def ask(self, content: str | bytes) -> str | bytes:
        self.send(content)
        return self.recv()

    def close_code(self) -> int | None:
        """Read until the server closes; its code, or None for a bare end of the connection."""
        try:
            while True:
                self.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def received_until_asked(self, marker: str) -> list[str | bytes]:
        """All messages that come before the echo of the marker."""
        self.send(marker)
        found: list[str | bytes] = []
        while (message := self.recv()) != marker:
            found.append(message)
        return found

    def drop(self) -> None:
        """Close without waiting for the server's half."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.exits.close()


def handshake(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    """The bytes of an opening handshake."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1")


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """What the peer sends up to and with the mark, or up to its end."""
    data = b""
    while mark not in data:
        chunk = connection.recv(4096)
        if not chunk:
            break
        data += chunk
    return data


def status_of(connection: socket.socket) -> int:
    """The status of the answer that is read from a raw connection."""
    head = read_until(connection, b"\r\n\r\n")
    assert head, "the connection ended without an answer"
    return int(head.split(b" ")[1])
