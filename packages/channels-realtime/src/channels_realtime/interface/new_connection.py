"""Connections whose first request header has not arrived: it tells a WebSocket from HTTP."""

import math
import re
import time
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from channels_realtime.interface.http.channel import LONGEST_HEADER, Channel
from channels_realtime.interface.http_errors import BUSY, RETRY_AFTER, refusal
from channels_realtime.interface.takeover.state import NewState

if TYPE_CHECKING:
    from channels_realtime.interface.connections import Connections

UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
HEADER_WITHIN = 10  # s for a whole request header


class Factory(ServerFactory["NewConnection"]):
    """Makes the protocols of connections that are accepted."""

    noisy = False

    def __init__(self, connections: "Connections") -> None:
        self.connections = connections

    def buildProtocol(self, addr: IAddress | None) -> "NewConnection":
        return NewConnection(self.connections)


class NewConnection(Protocol):
    """Waits for the first request header of a connection.

    A WebSocket handshake is read at once, without a Twisted request made for it first; anything
    else goes to Twisted's HTTP channel.
    """

    transport: Any  # Twisted declares it by a zope interface, whose methods have no `self`
    head = b""
    is_refused = False
    wheel_slot = 0

    def __init__(self, connections: "Connections") -> None:
        self.connections = connections

    def connectionMade(self) -> None:
        # The HTTP channel has a timeout of its own.
        self.opened_at = time.monotonic()
        if self.connections.opened(self):
            self.connections.wheel.schedule(self, self.opened_at + HEADER_WITHIN)
        else:
            self.refuse(503, BUSY, RETRY_AFTER)

    def dataReceived(self, data: bytes) -> None:
        if self.is_refused:
            return
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end == -1 and len(self.head) <= LONGEST_HEADER:
            self.connections.headers.add(self, len(data))
            return
        self.connections.decided(self)
        if end == -1 or end > LONGEST_HEADER:
            self.connections.metrics.drop("bad_header")
            self.refuse(400, "The request header is too long.")
            return
        head, self.head = self.head, b""
        if head.startswith(b"GET ") and UPGRADE.search(head, 0, end + 4):
            self.connections.upgrade(self.transport, head, end)
        else:
            channel = Channel(self.connections)
            self.transport.protocol = channel
            channel.makeConnection(self.transport)
            channel.dataReceived(head)

    def refuse(self, status: int, sentence: str, headers: bytes = b"") -> None:
        self.is_refused = True
        self.head = b""
        self.transport.write(refusal(status, sentence, headers))
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connections.closed(self)

    def check_time(self, now: float) -> float:
        """End the connection if its first request header is overdue. See timer_wheel.Timed."""
        due = self.opened_at + HEADER_WITHIN
        if now < due:
            return due
        self.connections.metrics.drop("slow_header")
        self.transport.abortConnection()
        return math.inf

    def received_bytes(self) -> int:
        return len(self.head)

    def export(self) -> NewState:
        """Its state, for another process."""
        return {
            "received": self.head,
            "opened_at": self.opened_at,
            "is_refused": self.is_refused,
        }

    def restore(self, state: NewState) -> None:
        """Go on with what another process has exported. The transport is connected."""
        self.opened_at = state["opened_at"]
        self.is_refused = state["is_refused"]
        self.head = state["received"]
        if not self.is_refused:
            self.connections.wheel.schedule(self, self.opened_at + HEADER_WITHIN)
        if self.head:
            self.connections.headers.add(self, len(self.head))

    def close_unfinished(self) -> None:
        """Unfinished headers of all connections take too much memory, this one most of it."""
        self.connections.decided(self)
        self.refuse(503, BUSY, RETRY_AFTER)
