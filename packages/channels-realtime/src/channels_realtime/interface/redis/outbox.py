"""What an interface server sends to workers, pipelined and without waiting.

A message that Redis did not take waits here until Redis is back, as long as its sender can wait.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet import reactor

from channels_realtime.interface.redis.link import Link, Lost
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.scripts import SendReply
from channels_realtime.layer.shard import PATIENCE, is_passing
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

DISCONNECT = 500  # bytes of one that waits; the paths of those that were accepted are short
RETRY_FULL = 0.2  # s between two attempts where the workers are behind
BATCH = 200  # messages per attempt
FOREVER = math.inf


@dataclass(slots=True, eq=False)
class Letter:
    """A message on its way.

    `sent`: when, on the monotonic clock; `patience`: seconds that it may wait for Redis;
    `command`: set once it may have reached Redis, which knows by its number if it has.
    `taken`: called once Redis has it.
    """

    channel: str
    message: dict
    sent: float
    patience: float
    refused: Callable[[], None] | None
    shard: int = 0
    command: Command[SendReply] | None = None
    taken: Callable[[], None] | None = None

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        if self.command is not None:
            return len(self.command.arguments[0])
        return 300 + sum(len(self.message.get(key) or "") for key in ("body", "text", "bytes"))


class Outbox:
    """`links`: the link of each shard for writing, set by the server."""

    def __init__(self, layer: Transport, budget: Budget, metrics: Metrics) -> None:
        self.layer = layer
        self.link_limit = budget.links // layer.ring_size  # bytes
        self.kept_limit = budget.outbox  # bytes
        self.behind_limit = budget.disconnects // DISCONNECT
        self.metrics = metrics
        self.links: list[Link] = []
        self.kept: deque[Letter] = deque()  # wait for Redis
        self.kept_bytes = 0
        self.behind: deque[Letter] = deque()  # disconnects that wait for room in their channel
        self.retrying = None

    def send(
        self,
        channel: str,
        message: dict,
        refused: Callable[[], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Send to a channel; `refused()` is called where it is full or Redis stays away.

        `patience`: how many seconds the message may wait for Redis, counted from the moment when
        Redis went away. With FOREVER it also waits for room in a full channel: a disconnect must
        not get lost.
        """
        self.post(Letter(channel, message, time.monotonic(), patience, refused))

    def post(self, letter: Letter) -> None:
        if letter.command is None:
            letter.shard = self.layer.shard_of(letter.channel)
        link = self.links[letter.shard]
        if not link.is_open:
            self.keep(letter)
            return
        if link.backlog > self.link_limit:
            self.refuse(letter, "redis_slow")
            return
        if letter.command is None:
            letter.command = self.layer.send_command(letter.channel, letter.message, letter.shard)

        def answered(reply: SendReply | Exception) -> None:
            if reply is SendReply.SENT:
                if letter.taken is not None:
                    letter.taken()
                return
            if isinstance(reply, Lost):
                self.keep(letter)  # the command's number tells Redis if it was done already
            elif isinstance(reply, Exception):
                letter.command = None
                self.refuse(letter, "redis_full" if is_passing(reply) else "redis_error")
            else:
                letter.command = None  # the next attempt is another write
                self.refuse(letter, "channel_full")

        link.run(answered, letter.command)

    def keep(self, letter: Letter) -> None:
        """The message waits for Redis, unless Redis has been away for too long already."""
        away_since = self.links[letter.shard].shard.away_since
        # In a long outage nobody waits to be refused.
        since = letter.sent if away_since is None else min(letter.sent, away_since)
        if since + letter.patience <= time.monotonic():
            self.refuse(letter, "redis_lost")
        elif self.kept_bytes + letter.size > self.kept_limit:
            self.refuse(letter, "outbox_full")
        else:
            self.kept.append(letter)
            self.kept_bytes += letter.size

    def refuse(self, letter: Letter, reason: str) -> None:
        if letter.patience == FOREVER:
            if len(self.behind) >= self.behind_limit:
                self.metrics.drop("disconnect_lost")
                return
            self.behind.append(letter)
            self.retry_later()
            return
        self.metrics.drop(reason)
        if letter.refused is not None:
            letter.refused()

    def retry_later(self) -> None:
        if self.retrying is None:
            self.retrying = reactor.callLater(RETRY_FULL, self.retry)

    def retry(self) -> None:
        self.retrying = None
        for _ in range(min(len(self.behind), BATCH)):
            self.post(self.behind.popleft())
        if self.behind:
            self.retry_later()

    def opened(self, link: Link) -> None:
        """Redis is back: what was kept goes first."""
        kept, self.kept, self.kept_bytes = self.kept, deque(), 0
        for letter in kept:
            self.post(letter)

    def check_time(self) -> None:
        """Called with every heartbeat: refuse what has waited for too long."""
        kept, self.kept, self.kept_bytes = self.kept, deque(), 0
        for letter in kept:
            self.keep(letter)

    def is_empty(self) -> bool:
        """Whether everything was sent and answered."""
        return not (self.kept or self.behind or any(link.awaited for link in self.links))
