"""What an interface server sends to workers, pipelined and without blocking.

A message that Redis did not take waits here until Redis is back, as long as its sender can wait.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.base import DelayedCall

from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.redis.link import Link, Lost
from channels_realtime.interface.takeover.state import MessageState
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.scripts import SendReply
from channels_realtime.layer.shard import PATIENCE, is_passing
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

DISCONNECT = 500  # bytes of one that waits; the paths of accepted sockets are short
RETRY_FULL = 0.2  # s between two attempts where the workers are behind
BATCH = 200  # messages per attempt
FOREVER = math.inf

Message = dict[str, Any]  # of ASGI: its keys and their types depend on the channel


@dataclass(slots=True, eq=False)
class OutgoingMessage:
    """A message for workers, until Redis has it.

    Attributes:
        sent_at: when it was sent, on the monotonic clock.
        patience: seconds that it may wait for Redis.
        refused: called where it is given up.
        shard: where it goes, once `command` is set.
        command: set once it may have reached Redis, which recognises a repeated one.
        taken: called once Redis has it.
    """

    channel: str
    message: Message
    sent_at: float
    patience: float
    refused: Callable[[], None] | None
    shard: int = 0
    command: Command[SendReply] | None = None
    taken: Callable[[], None] | None = None

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        if self.command is not None:
            entry = self.command.arguments[0]
            return len(entry) if isinstance(entry, bytes) else 0
        return 300 + sum(len(self.message.get(key) or "") for key in ("body", "text", "bytes"))


class Outbox:
    """Sends messages to workers.

    Args:
        links: to each shard, by its index.
    """

    def __init__(
        self, layer: Transport, links: Sequence[Link], budget: Budget, metrics: Metrics
    ) -> None:
        self.layer = layer
        self.links = links
        self.link_limit = budget.links // layer.ring_size  # bytes
        self.waiting_limit = budget.outbox  # bytes
        self.disconnects_limit = budget.disconnects // DISCONNECT
        self.metrics = metrics
        self.waiting: deque[OutgoingMessage] = deque()  # for Redis
        self.waiting_bytes = 0
        self.disconnects: deque[OutgoingMessage] = deque()  # wait for room in their channel
        self.retrying: DelayedCall | None = None

    def send(
        self,
        channel: str,
        message: Message,
        refused: Callable[[], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Send to a channel; `refused()` is called where it is full or Redis stays away.

        `patience`: how many seconds the message may wait for Redis, counted from the moment when
        Redis went away. With FOREVER it also waits for room in a full channel: a disconnect must
        not get lost.
        """
        self.post(OutgoingMessage(channel, message, time.monotonic(), patience, refused))

    def post(self, outgoing: OutgoingMessage) -> None:
        if outgoing.command is None:
            outgoing.shard = self.layer.shard_of(outgoing.channel)
        link = self.links[outgoing.shard]
        if not link.is_open:
            self.wait(outgoing)
            return
        if link.backlog > self.link_limit:
            self.refuse(outgoing, "redis_slow")
            return
        if outgoing.command is None:
            outgoing.command = self.layer.send_command(
                outgoing.channel, outgoing.message, outgoing.shard
            )

        def replied(reply: SendReply | Exception) -> None:
            if reply is SendReply.SENT:
                if outgoing.taken is not None:
                    outgoing.taken()
                return
            if isinstance(reply, Lost):
                self.wait(outgoing)  # the command's number tells Redis if it was done already
            elif isinstance(reply, Exception):
                outgoing.command = None
                self.refuse(outgoing, "redis_full" if is_passing(reply) else "redis_error")
            else:
                outgoing.command = None  # the next attempt is another write
                self.refuse(outgoing, "channel_full")

        link.run(replied, outgoing.command)

    def wait(self, outgoing: OutgoingMessage) -> None:
        """Keep the message until Redis is back, unless Redis has been away for too long."""
        away_since = self.links[outgoing.shard].away_since
        # In a long outage messages are refused at once.
        since = outgoing.sent_at if away_since is None else min(outgoing.sent_at, away_since)
        if since + outgoing.patience <= time.monotonic():
            self.refuse(outgoing, "redis_lost")
        elif self.waiting_bytes + outgoing.size > self.waiting_limit:
            self.refuse(outgoing, "outbox_full")
        else:
            self.waiting.append(outgoing)
            self.waiting_bytes += outgoing.size

    def refuse(self, outgoing: OutgoingMessage, reason: str) -> None:
        if outgoing.patience == FOREVER:
            if len(self.disconnects) >= self.disconnects_limit:
                self.metrics.drop("disconnect_lost")
                return
            self.disconnects.append(outgoing)
            self.retry_later()
            return
        self.metrics.drop(reason)
        if outgoing.refused is not None:
            outgoing.refused()

    def retry_later(self) -> None:
        if self.retrying is None:
            self.retrying = reactor.callLater(RETRY_FULL, self.retry)

    def retry(self) -> None:
        self.retrying = None
        for _ in range(min(len(self.disconnects), BATCH)):
            self.post(self.disconnects.popleft())
        if self.disconnects:
            self.retry_later()

    def opened(self) -> None:
        """A link is open again: what has waited goes first."""
        for outgoing in self.take_waiting():
            self.post(outgoing)

    def check_time(self) -> None:
        """Called with every heartbeat: refuse what has waited for too long."""
        for outgoing in self.take_waiting():
            self.wait(outgoing)

    def take_waiting(self) -> deque[OutgoingMessage]:
        taken, self.waiting, self.waiting_bytes = self.waiting, deque(), 0
        return taken

    @property
    def undelivered(self) -> int:
        """How many messages Redis has not taken."""
        return len(self.waiting) + len(self.disconnects)

    def export(self) -> list[MessageState]:
        """The disconnects that wait for room in their channel, for another process."""
        return [
            {"channel": outgoing.channel, "message": outgoing.message}
            for outgoing in self.disconnects
        ]

    def restore(self, disconnects: Sequence[MessageState]) -> None:
        """Go on with what another process has exported."""
        now = time.monotonic()
        for item in disconnects:
            self.disconnects.append(
                OutgoingMessage(item["channel"], item["message"], now, FOREVER, None)
            )
        if self.disconnects:
            self.retry_later()

    def is_empty(self) -> bool:
        """Whether everything was sent, and Redis has replied to it."""
        return not self.undelivered and not any(link.awaited for link in self.links)
