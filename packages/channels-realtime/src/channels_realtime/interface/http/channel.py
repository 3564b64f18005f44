"""A connection that speaks HTTP: Twisted's protocol with our requests and bounds."""

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from channels_realtime.interface.http.requests import Request
from channels_realtime.internals import buffered, unparsed

if TYPE_CHECKING:
    from channels_realtime.interface.connections import Connections

LONGEST_HEADER = 16384  # bytes, request line included: as Twisted's own
IDLE = 60  # s that a connection without a request is kept


class Channel(http.HTTPChannel):
    """Twisted's HTTP/1.1 channel."""

    transport: Any  # Twisted declares it by a zope interface, whose methods have no `self`
    requestFactory = Request
    totalHeadersSize = LONGEST_HEADER

    def __init__(self, connections: "Connections") -> None:
        super().__init__()
        self.connections = connections
        self.timeOut = IDLE

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if unparsed(self):
            self.connections.messages.add(self, len(data))

    def _send100Continue(self) -> None:
        if not self.requests[-1].is_refused:
            super()._send100Continue()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connections.closed(self)
        super().connectionLost(reason)

    # What it holds: see channels_realtime.interface.buffers

    def received_bytes(self) -> int:
        return unparsed(self)

    def unsent_bytes(self) -> int:
        return buffered(self.transport)

    def close(self) -> None:
        """The memory for its kind of buffer is used up. No response can overtake others."""
        self.transport.abortConnection()

    close_unfinished = close_slow = close
