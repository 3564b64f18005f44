"""All connections of one interface server, by their reply channels and by their groups."""

import itertools
import math
import time
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
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.redis.heartbeats import Heartbeats
from channels_realtime.interface.redis.outbox import Message, Outbox
from channels_realtime.interface.redis.registration import Registration
from channels_realtime.interface.timer_wheel import TimerWheel
from channels_realtime.interface.websocket.admission import Admission, Transport, UnreadHandshake
from channels_realtime.interface.websocket.coalescing import Coalescing
from channels_realtime.interface.websocket.compression import Histories, History, compress_frame
from channels_realtime.interface.websocket.factory import WebSocketFactory
from channels_realtime.interface.websocket.framing import PING
from channels_realtime.interface.websocket.handshake import Handshake
from channels_realtime.interface.websocket.protocol import WebSocket
from channels_realtime.internals import share_first_state, trim_memory
from channels_realtime.layer.envelope import Mark
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

# s from the loss of a connection to Redis until clients that have waited for an answer since before
# are refused, also where Redis is back: their request may be lost, or the answer. It takes up to
# 8.5 s to notice that Redis is frozen (shard.ANSWER_WITHIN and three heartbeats), and up to one
# heartbeat more to refuse: 14 s in all. A restart takes 1 to 2 s, after which most clients get
# their answer.
REFUSE_AFTER = 4.0
# Of --ping-interval: a client that has been silent for so long is pinged with the next broadcast.
PING_WITH_BROADCAST = 0.5
# Called with the protocol ("http" or "websocket"), what happened, and its details.
ActionLogger = Callable[[str, str, dict[str, Any]], None]


class Connections:
    """Finds the connection that a reply is for, and bounds what all connections hold.

    Args:
        process: begins the reply channels of this process; ends with "!".
        outbox: where messages to workers go.
        groups: in which WebSockets and requests are members.
        registration: of the groups' members in Redis.
        action_logger: writes the access log.
    """

    def __init__(
        self,
        options: Options,
        budget: Budget,
        process: str,
        outbox: Outbox,
        groups: Groups[WebSocket | Request],
        registration: Registration,
        liveness: Liveness,
        metrics: Metrics,
        action_logger: ActionLogger | None = None,
    ) -> None:
        self.options = options
        self.budget = budget
        self.process = process
        self.outbox = outbox
        self.groups = groups
        self.registration = registration
        self.liveness = liveness
        self.metrics = metrics
        self.action_logger = action_logger
        interval = options.ping_interval
        self.silence_before_ping = math.inf if interval < 0 else PING_WITH_BROADCAST * interval
        self.number_open = 0
        self.wheel = TimerWheel(time.monotonic())
        self.number_of_sockets = 0
        self.heartbeats: Heartbeats[WebSocket | Request] = Heartbeats()
        self.by_reply_channel: dict[str, WebSocket | Request] = {}
        self.numbers = itertools.count(1)
        self.websocket_factory = WebSocketFactory(options)
        self.histories = Histories()
        share_first_state(WebSocket, self.websocket_factory)
        patience = options.websocket_connect_timeout
        self.admission = Admission(
            self.admit,
            patience,
            budget.handshakes,
            metrics,
            lambda transport: self.coalescing.abandoned(transport),
        )
        self.coalescing = Coalescing(
            self.admission, self.begin, self.add_member, groups, registration, metrics
        )
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
            return True
        self.metrics.drop("connections_full")
        return False

    def decided(self, connection: NewConnection) -> None:
        """Its first header has arrived, or it has ended. Calling it again does nothing."""
        self.wheel.remove(connection)

    def closed(self, connection: WebSocket | Channel | NewConnection) -> None:
        """A connection has ended."""
        self.number_open -= 1
        if isinstance(connection, NewConnection):
            self.wheel.remove(connection)
            self.headers.remove(connection)
        else:
            self.writes.remove(connection)
            self.messages.remove(connection)

    def upgrade(self, transport: Transport, data: bytes, end: int) -> None:
        """A client requests a WebSocket; `data` holds a header that ends at `end`."""
        self.coalescing.submit(transport, UnreadHandshake(data[:end], data[end + 4 :]))

    def admit(self, transport: Transport, received: UnreadHandshake) -> None:
        """Send a handshake to the workers, unless a shared reply answers it."""
        try:
            handshake = self.coalescing.admitted(transport, received)
        except Refused as refused:
            self.metrics.drop("bad_header")
            transport.write(refused.answer)
            transport.loseConnection()
            return
        if handshake is not None:
            socket = self.begin(transport, handshake, received.rest)
            self.coalescing.sent(transport, socket)
            socket.send_connect(handshake)

    def begin(self, transport: Transport, handshake: Handshake, rest: bytes) -> WebSocket:
        """Make a connection a WebSocket; `rest`: bytes that came right behind the handshake."""
        socket = WebSocket(self)
        transport.protocol = socket
        socket.makeConnection(transport)
        socket.begin(handshake, rest)
        return socket

    # Reply channels

    def register(self, connection: WebSocket | Request) -> str:
        """Give a connection a reply channel; returns its name."""
        reply_channel = f"{self.process}{next(self.numbers):x}"
        self.register_as(reply_channel, connection)
        return reply_channel

    def register_as(self, reply_channel: str, connection: WebSocket | Request) -> None:
        """Register it by the reply channel that it had in another process."""
        self.by_reply_channel[reply_channel] = connection
        self.number_of_sockets += isinstance(connection, WebSocket)

    def unregister(self, reply_channel: str) -> bool:
        """Take a reply channel and its deadlines away; returns whether it was there."""
        connection = self.by_reply_channel.pop(reply_channel, None)
        if connection is None:
            return False
        self.number_of_sockets -= isinstance(connection, WebSocket)
        self.wheel.remove(connection)
        return True

    def has(self, reply_channel: str) -> bool:
        return reply_channel in self.by_reply_channel

    def forget(self, connection: WebSocket | Request) -> None:
        """Take its reply channel and its groups away, also in Redis."""
        self.admission.finished(connection)
        self.coalescing.forget(connection)
        self.unregister(connection.reply_channel)
        self.leave_groups(connection)

    def leave_groups(self, connection: WebSocket | Request) -> None:
        groups = self.groups.forget(connection)
        if groups:
            self.registration.forget(connection.reply_channel, groups)

    def forget_moved(self, transports: Collection[Transport]) -> None:
        """Forget connections that another process has, and what waits there for them."""
        for connection in list(self.by_reply_channel.values()):
            if connection.transport in transports:
                self.unregister(connection.reply_channel)
                self.groups.forget(connection)
                self.admission.under_way.discard(connection)
        for holders in (self.writes.holders, self.messages.holders):
            holders -= {each for each in holders if each.transport in transports}
        self.headers.holders.clear()
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
            self.add_member(group, connection)
            self.coalescing.joined(group, connection)
        else:
            # Its disconnect overtook its connect: nothing else would remove it from the group.
            self.registration.forget(channel, {group})

    def add_member(self, group: str, connection: WebSocket | Request) -> None:
        self.groups.join(group, connection)
        self.heartbeats.join(group, connection)
        connection.history = None  # it may have missed broadcasts of the group

    def leave(self, group: str, channel: str) -> None:
        connection = self.by_reply_channel.get(channel)
        if connection is not None:
            self.groups.leave(group, connection)

    def receive_marked(self, group: str, mark: Mark, frame: bytes) -> bool:
        """A marked message has come. Returns whether it was sent to those who still need it;
        otherwise it is for all members of the group."""
        new = self.heartbeats.receive(group, mark, time.monotonic())
        if new is None:
            return False
        self.metrics.count("heartbeats_held")
        members = self.groups.members.get(group, set())
        for member in new:
            if member in members:
                self.metrics.count("frames_sent")
                member.send_frames(frame)
        return True

    def may_have_missed(self) -> None:
        """Messages to groups may have been lost."""
        self.heartbeats.forget_all()
        self.coalescing.messages_missed()

    def broadcast(self, group: str, frames: Sequence[bytes]) -> int:
        """Write frames, each a whole message, to every socket of the group: one write each.

        Returns the number of sockets.

        They are compressed for the first socket that takes them so: by themselves, and for sockets
        that have received what the group was sent before, by reference to that.

        Clients that will be pinged soon are pinged in the same write: that costs nothing, and a
        write of its own as much as the frames.
        """
        self.coalescing.message_arrived(group)
        members = self.groups.members.get(group)
        if not members:
            return 0
        plain = frames[0] if len(frames) == 1 else b"".join(frames)
        alone = continued = b""
        history: History | None = None
        newcomers: list[Any] = []
        continuing = 0  # sockets that get what refers to earlier broadcasts
        open_state = WebSocket.STATE_OPEN
        now = time.monotonic()
        silent_since = now - self.silence_before_ping
        pings = 0
        for member in tuple(members):
            transport = member.transport
            data = plain
            if member.extension:
                if history is None:
                    history = self.histories.of(group)
                    first = history.first
                if member.history is history and member.since <= first:
                    data = continued = continued or history.continue_with(frames)
                    continuing += 1
                else:
                    data = alone = alone or b"".join(map(compress_frame, frames))
                    newcomers.append(member)
            # The common case, spelled out: a function call here costs a tenth of the delivery.
            if (
                member.state == open_state
                and member.send_now is not None
                and not (transport._tempDataLen or transport.dataBuffer)
            ):
                # Not again before it has answered: the time that it has would begin anew.
                if member.last_data < silent_since and member.pinged_at <= member.last_data:
                    data += PING
                    member.pinged_at = now
                    pings += 1
                try:
                    sent = member.send_now(data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    continue  # the reactor is about to notice that the peer is gone
                if sent != len(data):
                    transport.write(data[sent:])
                    self.writes.add(member, len(data) - sent)
            else:
                member.send_frames(data)
        self.metrics.count("pings", pings)
        self.metrics.count("broadcasts", len(frames))
        self.metrics.count("frames_sent", len(frames) * len(members))
        saved = len(newcomers) * (len(plain) - len(alone))
        saved += continuing * (len(plain) - len(continued))
        if history is not None:
            history.append(frames, (each for each in newcomers if each.state == open_state))
        sent_bytes = len(plain) * len(members) - saved + len(PING) * pings
        self.metrics.count("bytes_sent", sent_bytes)
        self.metrics.count("bytes_saved", saved)
        return len(members)

    def deliver_to_group(self, group: str, message: Message) -> None:
        """A group message that is more than text or bytes: deliver it to each member."""
        self.coalescing.message_arrived(group)
        for member in tuple(self.groups.members.get(group, ())):
            self.deliver(member.reply_channel, message)

    def deliver(self, channel: str, message: Message) -> None:
        """A reply for one connection, ignored where that has ended. Raises ValueError."""
        connection = self.by_reply_channel.get(channel)
        if isinstance(connection, WebSocket):
            self.coalescing.replied(connection, message)
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

    def worker_may_have_lost(self) -> None:
        """A connection of a worker has ended: refuse soon what has waited since before then."""
        reactor.callLater(REFUSE_AFTER, self.refuse_waiting, time.monotonic())

    # Time and figures

    def check_time(self, now: float) -> None:
        """Called every CHECK seconds with the monotonic clock."""
        self.admission.check_time(now)
        self.coalescing.check_time(now)
        self.bodies.check_time(now)
        for buffers in (self.writes, self.messages, self.headers):
            buffers.check()
        self.trim_memory()
        self.wheel.advance(now)
        self.heartbeats.check_time(now)

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
            "sockets": self.number_of_sockets,
            "groups": len(self.groups.members),
            "handshakes_waiting": len(self.admission.waiting) + self.coalescing.waiting,
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
