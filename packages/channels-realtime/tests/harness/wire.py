"""A WebSocket client that builds its bytes by hand, and a server without workers behind it."""

import base64
import os
import socket
import struct
from collections.abc import Collection
from typing import Any, Self

from channels_realtime.layer.channel_layer import RedisChannelLayer

from harness.project import Board, Interface
from harness.waiting import wait_until

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MIB = 1 << 20
KEY = base64.b64encode(b"sixteen bytes ok")
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Unanswered:
    """An interface server without workers: the test reads its messages and answers them."""

    def __init__(self, project: Board):
        self.layer = RedisChannelLayer(hosts=[project.url], prefix=project.prefix)
        self.interface = project.interface()
        registered = self.layer.processes_key
        connection = self.layer.connection(0)
        wait_until(lambda: connection.zcard(registered), "the interface server's registration")

    def receive(self, channel: str = "websocket.connect") -> dict[str, Any]:
        """The next message on the channel, waited for."""
        return wait_until(lambda: self.next(channel), f"a message on {channel}") or {}

    def next(self, channel: str = "websocket.connect") -> dict[str, Any] | None:
        return self.layer.receive([channel])[1]

    def forget(self) -> None:
        """Drop what earlier tests have left."""
        for channel in ("websocket.connect", "websocket.receive", "http.request"):
            while self.next(channel):
                pass


def handshake(
    path: str = "/echo/",
    method: str = "GET",
    version: str = "1.1",
    without: Collection[str] = (),
    **changed: str | bytes,
) -> bytes:
    """The bytes of an opening handshake; `changed` headers have _ for -, `without` lacks some."""
    headers: dict[str, str | bytes] = {
        "Host": "test",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{method} {path} HTTP/{version}".encode("latin1")]
    for name, value in headers.items():
        if name not in without:
            value = value if isinstance(value, bytes) else value.encode("latin1")
            lines.append(name.encode("latin1") + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(
    opcode: int,
    payload: bytes = b"",
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """A client's frame; `length` writes another length than the payload's, as 64 bits."""
    size = len(payload)
    if length is not None:
        code, extended = 127, struct.pack(">Q", length)
    elif size < 126:
        code, extended = size, b""
    elif size < 1 << 16:
        code, extended = 126, struct.pack(">H", size)
    else:
        code, extended = 127, struct.pack(">Q", size)
    head = bytes([fin << 7 | reserved << 4 | opcode, masked << 7 | code]) + extended
    if not masked:
        return head + payload
    mask = os.urandom(4)
    stream = (mask * (size // 4 + 1))[:size]
    xored = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + mask + xored.to_bytes(size, "big")


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason)


class Wire:
    """A TCP connection to an interface server. A context manager."""

    def __init__(self, interface: Interface, receive_buffer: int | None = None):
        self.port = interface.port
        self.socket = interface.raw(receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, *data: bytes) -> Self:
        self.socket.sendall(b"".join(data))
        return self

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """(status, headers with lower-case names, body unless it ends with the connection)."""
        status = int(self.file.readline().split(b" ", 2)[1])
        headers = {}
        while line := self.file.readline().rstrip(b"\r\n"):
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
            return status, headers, body
        return status, headers, self.exactly(int(headers.get("content-length", 0)))

    def status(self) -> int:
        return self.response()[0]

    def open(self, path: str = "/echo/", **headers: str) -> Self:
        self.send(handshake(path, **headers))
        assert self.status() == 101
        return self

    def frame(self, reserved: int = 0) -> tuple[int, bytes]:
        """(opcode, payload) of the server's next frame: it sends whole and unmasked ones."""
        first, second = self.exactly(2)
        assert first & 0x80 and (first & 0x70) == reserved << 4 and not second & 0x80
        length = second
        if second == 126:
            [length] = struct.unpack(">H", self.exactly(2))
        elif second == 127:
            [length] = struct.unpack(">Q", self.exactly(8))
        return first & 0x0F, self.exactly(length)

    def exactly(self, size: int) -> bytes:
        data = self.file.read(size)
        assert len(data) == size, "the server has closed the connection"
        return data

    def assert_closed(self, code: int) -> None:
        """The next frame is a close frame with the code, and the connection ends after ours."""
        opcode, payload = self.frame()
        assert opcode == CLOSE
        assert struct.unpack(">H", payload[:2]) == (code,)
        self.send(close_frame(code))
        assert self.ends()

    def ends(self) -> bool:
        """Whether the server closes the connection without another byte."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def wait_until_read(self) -> None:
        """Wait until the server's kernel holds nothing more of what we sent."""
        ends = f":{self.port:04X} ", f":{self.socket.getsockname()[1]:04X} "

        def taken() -> bool:
            with open("/proc/net/tcp") as table:
                for line in table:
                    _, local, remote, _, queues, *_ = line.split()
                    if f"{local} ".endswith(ends[0]) and f"{remote} ".endswith(ends[1]):
                        return queues.endswith(":00000000")
            return True

        wait_until(taken, "the server to read")
