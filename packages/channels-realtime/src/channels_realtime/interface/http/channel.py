"""A connection that speaks HTTP: Twisted's protocol with our requests and bounds."""

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from channels_realtime.interface.http.requests import Request
from channels_realtime.interface.takeover.internals import resume_request, unfinished_request
from channels_realtime.interface.takeover.state import ChannelState
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

    # Between two processes: see channels_realtime.interface.takeover

    def export(self) -> ChannelState:
        """Its state, for another process."""
        request = self.requests[0] if self.requests else None
        state: ChannelState = {
            "received": b"",
            "is_persistent": bool(self.persistent),
            "started_at": request.started_at if request else None,
            "request": None,
        }
        if request is not None and self._handlingRequest:
            state["request"] = request.export()
            state["received"] = b"".join(self._dataBuffer)
        else:
            state["received"] = unfinished_request(self)
        return state

    def restore(self, state: ChannelState) -> None:
        """Go on with what another process has exported. The transport is connected."""
        if state["request"] is not None:
            request = Request(self, 0)
            request.restore(state["request"])
            resume_request(self, request, state["is_persistent"])
        if state["received"]:
            self.dataReceived(state["received"])
        if self.requests and state["request"] is None and state["started_at"] is not None:
            self.requests[0].started_at = state["started_at"]
            self.connections.wheel.schedule(self.requests[0], self.requests[0].due())
