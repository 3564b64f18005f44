"""All connections of one interface server, by their reply channels and by their groups."""

import itertools
import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from channels_realtime.interface.buffers import Buffers
from channels_realtime.interface.groups import Groups
from channels_realtime.interface.http.bodies import Bodies
from channels_realtime.interface.http.channel import Channel
from channels_realtime.interface.http.requests import Request
from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.liveness import Liveness
from channels_realtime.interface.new_connection import NewConnection
from channels_realtime.interface.options import Options
from channels_realtime.interface.redis.outbox import Message, Outbox
from channels_realtime.interface.websocket.admission import Admission, Transport, UnreadHandshake
from channels_realtime.interface.websocket.factory import WebSocketFactory
from channels_realtime.interface.websocket.handshake import read_handshake
from channels_realtime.interface.websocket.protocol import WebSocket
from channels_realtime.internals import share_options, trim_memory
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.connections")

# Called with the protocol ("http" or "websocket"), what happened, and its details.
ActionLogger = Callable[[str, str, dict[str, Any]], None]


class Connections:
    """Finds the connection that a reply is for, and bounds what all connections hold.

    Args:
        process: begins the reply channels of this process; ends with "!".
        outbox: where messages to workers go.
        groups: in which WebSockets and requests are members.
        forget_member: called with a reply channel and the groups that it has left for good.
        action_logger: writes the access log.
    """

    def __init__(
        self,
        options: Options,
        budget: Budget,
        process: str,
        outbox: Outbox,
        groups: Groups[WebSocket | Request],
        forget_member: Callable[[str, Collection[str]], None],
        liveness: Liveness,
        metrics: Metrics,
        action_logger: ActionLogger | None = None,
    ) -> None:
        self.options = options
        self.budget = budget
        self.process = process
        self.outbox = outbox
        self.groups = groups
        self.forget_member = forget_member
        self.liveness = liveness
        self.metrics = metrics
        self.action_logger = action_logger
        self.number_open = 0
        self.new: set[NewConnection] = set()
        self.by_reply_channel: dict[str, WebSocket | Request] = {}
        self.numbers = itertools.count(1)
        self.websocket_factory = WebSocketFactory(options)
        share_options(WebSocket, self.websocket_factory)
        patience = options.websocket_connect_timeout
        self.admission = Admission(self.admit, patience, budget.handshakes, metrics)
        self.bodies = Bodies(budget, outbox, metrics)
        self.writes: Buffers[WebSocket | Channel] = Buffers(
            "writes",
            budget.writes,
            lambda connection: connection.unsent_bytes(),
            lambda connection: connection.close_slow(),
            metrics,
        )
        self.messages: Buffers[WebSocket | Channel] = Buffers(
            "messages",
            budget.messages,
            lambda connection: connection.received_bytes(),
            lambda connection: connection.close_unfinished(),
            metrics,
        )
        self.headers: Buffers[NewConnection] = Buffers(
            "headers",
            budget.headers,
            lambda connection: connection.received_bytes(),
            lambda connection: connection.close_unfinished(),
            metrics,
        )

    # Opening and closing

    def opened(self, connection: NewConnection) -> bool:
        """A connection was opened. Returns whether there is room for it."""
        self.number_open += 1
        if self.number_open <= self.budget.connections:
            self.new.add(connection)
            return True
        self.metrics.drop("connections_full")
        return False

    def decided(self, connection: NewConnection) -> None:
        """Its first header has arrived, or it has ended. Calling it again does nothing."""
        self.new.discard(connection)

    def closed(self, connection: WebSocket | Channel | NewConnection) -> None:
        """A connection has ended."""
        self.number_open -= 1
        if isinstance(connection, NewConnection):
            self.new.discard(connection)
            self.headers.remove(connection)
        else:
            self.writes.remove(connection)
            self.messages.remove(connection)

    def upgrade(self, transport: Transport, data: bytes, end: int) -> None:
        """A client requests a WebSocket; `data` holds a header that ends at `end`."""
        self.admission.submit(transport, UnreadHandshake(data[:end], data[end + 4 :]))

    def admit(self, transport: Transport, received: UnreadHandshake) -> None:
        """Make a connection a WebSocket."""
        try:
            handshake = read_handshake(received.header)
        except Refused as refused:
            self.metrics.drop("bad_header")
            transport.write(refused.answer)
            transport.loseConnection()
            return
        socket = WebSocket(self)
        transport.protocol = socket
        socket.makeConnection(transport)
        socket.begin(handshake, received.rest)

    # Reply channels

    def register(self, connection: WebSocket | Request) -> str:
        """Give a connection a reply channel; returns its name."""
        reply_channel = f"{self.process}{next(self.numbers):x}"
        self.by_reply_channel[reply_channel] = connection
        return reply_channel

    def unregister(self, reply_channel: str) -> bool:
        """Take a reply channel away; returns whether it was there."""
        return self.by_reply_channel.pop(reply_channel, None) is not None

    def has(self, reply_channel: str) -> bool:
        return reply_channel in self.by_reply_channel

    def forget(self, connection: WebSocket | Request) -> None:
        """Take its reply channel and its groups away, also in Redis."""
        self.admission.finished(connection)
        self.by_reply_channel.pop(connection.reply_channel, None)
        self.leave_groups(connection)

    def leave_groups(self, connection: WebSocket | Request) -> None:
        groups = self.groups.forget(connection)
        if groups:
            self.forget_member(connection.reply_channel, groups)

    def forget_moved(self, transports: Collection[Transport]) -> None:
        """Forget connections that another process has, and what waits there for them."""
        for connection in list(self.by_reply_channel.values()):
            if connection.transport in transports:
                del self.by_reply_channel[connection.reply_channel]
                self.groups.forget(connection)
                self.admission.under_way.discard(connection)
        for holders in (self.writes.holders, self.messages.holders):
            holders -= {each for each in holders if each.transport in transports}
        self.headers.holders.clear()
        self.new = {each for each in self.new if each.transport not in transports}
        self.admission.waiting = deque(
            each for each in self.admission.waiting if each.transport not in transports
        )
        self.number_open -= len(transports)
        self.bodies.uploads.clear()
        self.bodies.charges.clear()
        # Answers to what was requested on connections that stay will arrive at the other process.
        for connection in tuple(self.by_reply_channel.values()):
            if isinstance(connection, Request) and connection.is_sent:
                connection.refuse_busy()

    def is_any_open(self) -> bool:
        """Whether there are WebSockets, handshakes or requests under way."""
        return bool(self.by_reply_channel)

    def sockets(self) -> list[WebSocket]:
        """WebSockets, also those whose handshake is not answered yet."""
        return [c for c in self.by_reply_channel.values() if isinstance(c, WebSocket)]

    def cut_all(self) -> None:
        """End all connections at once."""
        for connection in list(self.by_reply_channel.values()):
            connection.cut()

    # From the workers

    def join(self, group: str, channel: str) -> None:
        connection = self.by_reply_channel.get(channel)
        if connection is not None and not connection.muted:
            self.groups.join(group, connection)
        else:
            # Its disconnect overtook its connect: nothing else would remove it from the group.
            self.forget_member(channel, {group})

    def leave(self, group: str, channel: str) -> None:
        connection = self.by_reply_channel.get(channel)
        if connection is not None:
            self.groups.leave(group, connection)

    def broadcast(self, group: str, frames: Sequence[bytes]) -> None:
        """Write frames, each a whole message, to every socket of the group: one write each."""
        members = self.groups.members.get(group)
        if not members:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        size = len(data)
        open_state = WebSocket.STATE_OPEN
        for member in tuple(members):
            transport = member.transport
            # The common case, spelled out: a function call here costs a tenth of the delivery.
            if (
                member.state == open_state
                and member.send_now is not None
                and not (transport._tempDataLen or transport.dataBuffer)
            ):
                try:
                    sent = member.send_now(data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    continue  # the reactor is about to notice that the peer is gone
                if sent != size:
                    transport.write(data[sent:])
                    self.writes.add(member, size - sent)
            else:
                member.send_frames(data)
        self.metrics.count("broadcasts", len(frames))
        self.metrics.count("frames_sent", len(frames) * len(members))
        self.metrics.count("bytes_sent", size * len(members))

    def deliver_to_group(self, group: str, message: Message) -> None:
        """A group message that is more than text or bytes: deliver it to each member."""
        for member in tuple(self.groups.members.get(group, ())):
            self.deliver(member.reply_channel, message)

    def deliver(self, channel: str, message: Message) -> None:
        """A reply for one connection, ignored where that has ended. Raises ValueError."""
        connection = self.by_reply_channel.get(channel)
        if isinstance(connection, WebSocket):
            connection.deliver(message)
            return
        self.bodies.release(channel)  # a worker has it, whether or not its client is still there
        if connection is not None:
            http_channel = connection.channel
            connection.respond(message)
            self.writes.add(http_channel, len(message.get("content", b"")))

    def refuse_waiting(self, since: float) -> None:
        """Refuse what has waited for an answer since before then (monotonic clock).

        What was sent to the workers later is refused by the outbox where Redis does not take it.
        """
        for connection in tuple(self.by_reply_channel.values()):
            if connection.waits_since() < since:
                self.metrics.drop("redis_lost")
                connection.refuse_busy()

    # Time and figures

    def check_time(self, now: float) -> None:
        """Called every 2 s with the monotonic clock."""
        self.admission.check_time(now)
        self.bodies.check_time(now)
        for buffers in (self.writes, self.messages, self.headers):
            buffers.check()
        self.trim_memory()
        for connection in (*self.by_reply_channel.values(), *self.new):
            try:
                connection.check_time(now)
            except Exception:
                logger.exception("A connection's time limits could not be checked")

    def trim_memory(self) -> None:
        """Return memory to the system once buffers that held much are empty again."""
        parts = (self.bodies, self.writes, self.messages, self.headers)
        enough = self.budget.working // 2
        if max(part.peak for part in parts) < enough or sum(part.held for part in parts) > enough:
            return
        for part in parts:
            part.peak = 0
        trim_memory()

    def gauges(self) -> dict[str, int]:
        """What is there now, by the names of channels_realtime.metrics.prometheus."""
        return {
            "sockets": len(self.sockets()),
            "groups": len(self.groups.members),
            "handshakes_waiting": len(self.admission.waiting),
            "connections": self.number_open,
            "disconnects_waiting": len(self.outbox.disconnects),
            "requests_bytes": self.bodies.held,
            "writes_bytes": self.writes.held,
            "messages_bytes": self.messages.held,
            "headers_bytes": self.headers.held,
            "handshakes_bytes": self.admission.held,
            "outbox_bytes": self.outbox.waiting_bytes,
            "links_bytes": sum(link.backlog for link in self.outbox.links),
            "budget_bytes": self.budget.total,
        }
