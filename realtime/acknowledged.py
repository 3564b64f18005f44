"""Channels whose messages stay in Redis until a consumer has finished with them.

The sender stores such a message twice: in the channel's list, from which workers take it as any
other, and in a hash, from which it is removed when the consumer has finished. A worker notes what
it takes under its own name (a write whose reply nobody waits for) and acknowledges with its next
round trip. Every worker renews a lease; the messages of one whose lease has ended go back to their
channels, and after ATTEMPTS workers have died on one it becomes a dead letter. So does a message
whose consumer raised an exception.

Delivery is therefore at least once: a worker that froze and goes on after its lease has ended
finishes a message that another one has taken meanwhile.
"""

import logging
import secrets
import threading
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

import msgpack
import redis

from realtime.commands import Command
from realtime.envelope import BadEnvelope

if TYPE_CHECKING:
    from realtime.layer import Transport

logger = logging.getLogger("realtime.acknowledged")

ATTEMPTS = 3  # workers that may die on one message
RENEW = 3.0  # s between two renewals of a worker's lease
DEAD_AFTER = 12.0  # s without renewal; with the next look, a message is back within 15 s
ORPHANS_EVERY = 3  # renewals between two looks for messages that no worker has claimed
MOST_DEAD_LETTERS = 1000  # per shard; the oldest are dropped first


class Receipt(NamedTuple):
    """An acknowledged message that a worker has taken."""

    shard: int
    channel: str
    id: str


class DeadLetter(NamedTuple):
    """A message that was given up. `time`: seconds after the epoch by Redis's clock."""

    time: int
    channel: str
    reason: str
    message: dict


class Acknowledgements:
    """The acknowledged channels of a layer.

    Args:
        layer: the channel layer.
        channels: names, or patterns as those of `channel_capacity`: ("mail.*", …).
        attempts: how many workers may die on one message.
    """

    def __init__(self, layer: "Transport", channels: Iterable[str], attempts: int) -> None:
        self.layer = layer
        self.patterns = tuple(channels)
        self.attempts = attempts
        self.worker = secrets.token_hex(8)
        self.attempts_key = f"{layer.prefix}:attempts"
        self.workers_key = f"{layer.prefix}:workers"
        self.letters_key = f"{layer.prefix}:dead_letters"
        self.claims_key = f"{layer.prefix}:claims:{self.worker}"

    def include(self, channel: str) -> bool:
        """Whether the messages of the channel are acknowledged. Never those of one process."""
        return (
            bool(self.patterns)
            and "!" not in channel
            and "?" not in channel
            and any(fnmatchcase(channel, pattern) for pattern in self.patterns)
        )

    def key(self, channel: str) -> str:
        """The hash of the channel's messages that are not acknowledged: id -> entry."""
        return f"{self.layer.prefix}:unacknowledged:{channel}"

    def claim(self, receipt: Receipt) -> None:
        """Note that this process has taken the message. Does not wait for Redis's reply."""
        self.layer.shard(receipt.shard).post(
            Command(receipt.shard, "claim", (self.claims_key,), (receipt.id, receipt.channel))
        )

    def finish(self, receipt: Receipt, reason: str = "") -> Command:
        """The command that removes the message; with a `reason`, to the dead letters."""
        keys = (self.key(receipt.channel), self.claims_key, self.attempts_key, self.letters_key)
        arguments = (receipt.id, receipt.channel, reason, MOST_DEAD_LETTERS)
        return Command(receipt.shard, "acknowledge", keys, arguments)

    def renew(self, channels: Iterable[str], look_for_orphans: bool) -> None:
        """Renew this process's lease on every shard, and take care of dead workers' messages.

        `channels`: those that the project's routing names.
        """
        names = [channel for channel in channels if self.include(channel)]
        for shard in self.layer.ring:
            if shard.is_away:
                continue
            try:
                returned, given_up = self.layer.shard(shard.index).run(
                    "renew_worker",
                    (self.workers_key, self.attempts_key, self.letters_key),
                    (
                        self.worker,
                        DEAD_AFTER,
                        self.layer.prefix,
                        self.attempts,
                        MOST_DEAD_LETTERS,
                        int(look_for_orphans),
                        *names,
                    ),
                )
            except redis.RedisError as error:
                logger.warning("The lease of this worker could not be renewed: %s", error)
                continue
            if returned:
                self.layer.count("redelivered", returned)
                logger.warning("%d messages of dead workers are delivered again", returned)
            if given_up:
                self.layer.drop("dead_letter", given_up)
                logger.error(
                    "%d messages were given up after %d workers died on each; see dead letters",
                    given_up,
                    self.attempts,
                )

    def dead_letters(self, most: int = MOST_DEAD_LETTERS) -> list[DeadLetter]:
        """The newest dead letters of all shards that answer. Raises redis.RedisError."""
        found = []
        for packed in self.layer.on_each_shard(
            lambda client: client.lrange(self.letters_key, 0, most - 1)
        ):
            found += [self.open(letter) for letter in packed]
        return sorted(found, key=lambda letter: letter.time, reverse=True)[:most]

    def count_dead_letters(self) -> int:
        return sum(self.layer.on_each_shard(lambda client: client.llen(self.letters_key)))

    def open(self, packed: bytes) -> DeadLetter:
        time, channel, reason, entry = msgpack.unpackb(packed, raw=True)
        try:
            message = self.layer.codec.unpack(entry).content
        except BadEnvelope:
            message = {}
        return DeadLetter(int(time), channel.decode(), reason.decode(), message)


class WorkerLease(threading.Thread):
    """Renews the lease of a worker process while its consumers run."""

    def __init__(self, acknowledgements: Acknowledgements, channels: Iterable[str]) -> None:
        super().__init__(name="worker lease", daemon=True)
        self.acknowledgements = acknowledgements
        self.channels = tuple(channels)
        self.ended = threading.Event()

    def run(self) -> None:
        turn = 0
        while True:
            self.acknowledgements.renew(self.channels, turn % ORPHANS_EVERY == 0)
            turn += 1
            if self.ended.wait(RENEW):
                return

    def end(self) -> None:
        self.ended.set()
