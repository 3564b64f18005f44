"""A bare Twisted loop: each frame is built once and given to each socket by one system call.

Usage: twisted_loop HOST PORT PUBLISH_PORT BACKLOG. A line to PUBLISH_PORT is a message to all.
"""

import base64
import contextlib
import hashlib
import re
import sys

from twisted.internet import protocol, reactor
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from bench.messages import WEBSOCKET_GUID, frame_header

KEY = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)
readers: "set[Reader]" = set()


class Reader(protocol.Protocol):
    """A socket that only listens; what it sends after the handshake is ignored."""

    head: bytes | None = b""

    def dataReceived(self, data: bytes) -> None:
        if self.head is None:
            return
        self.head += data
        if not self.head.endswith(b"\r\n\r\n"):
            return
        key = KEY.search(self.head)
        self.head = None
        accept = base64.b64encode(hashlib.sha1(key[1] + WEBSOCKET_GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        readers.add(self)

    def connectionLost(self, reason: Failure) -> None:
        readers.discard(self)


class Publisher(LineOnlyReceiver):
    """One line, one broadcast."""

    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        frame = frame_header(len(line)) + line
        for reader in readers:
            transport = reader.transport
            sent = 0
            # Bytes that wait in the transport's buffer must leave before these.
            if not transport.dataBuffer and not transport._tempDataBuffer:
                with contextlib.suppress(BlockingIOError):
                    sent = transport.socket.send(frame)
            if sent < len(frame):
                transport.write(frame[sent:])


def main(host: str, port: int, publish_port: int, backlog: int) -> None:
    reactor.listenTCP(port, protocol.Factory.forProtocol(Reader), backlog=backlog, interface=host)
    reactor.listenTCP(publish_port, protocol.Factory.forProtocol(Publisher), interface=host)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
