"""A bare Twisted loop: each frame is built once and given to each socket by one system call.

Usage: server HOST PORT PUBLISH_PORT BACKLOG. A line to PUBLISH_PORT is a message to all.
"""

import base64
import contextlib
import hashlib
import sys

from twisted.internet import protocol, reactor
from twisted.protocols.basic import LineOnlyReceiver

from bench.client.handshake import MAGIC
from bench.messages import frame_header

FIELD = b"sec-websocket-key:"
readers = set()


class Reader(protocol.Protocol):
    """A socket that only listens; what it sends after the handshake is ignored."""

    head = b""

    def dataReceived(self, data):
        if self.head is None:
            return
        self.head += data
        if not self.head.endswith(b"\r\n\r\n"):
            return
        lines = self.head.lower().split(b"\r\n")
        index = next(i for i, line in enumerate(lines) if line.startswith(FIELD))
        key = self.head.split(b"\r\n")[index][len(FIELD) :].strip()
        self.head = None
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        readers.add(self)

    def connectionLost(self, reason=None):
        readers.discard(self)


class Publisher(LineOnlyReceiver):
    """One line, one broadcast."""

    delimiter = b"\n"

    def lineReceived(self, line):
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


def main(host, port, publish_port, backlog):
    reactor.listenTCP(port, protocol.Factory.forProtocol(Reader), backlog=backlog, interface=host)
    reactor.listenTCP(publish_port, protocol.Factory.forProtocol(Publisher), interface=host)
    reactor.run()


main(sys.argv[1], *map(int, sys.argv[2:5]))
