"""Channels whose messages stay in Redis until a consumer has finished with them.

The sender stores such a message twice: in the channel's list, from which workers take it like any
other, and in a hash, from which the worker's next round trip removes it once the consumer has
finished. A thread of each worker claims messages that its consumers have handled for longer than
RENEW seconds. A message that is in no list and is not claimed belonged to a worker that died; it is
put back into its channel. It becomes a dead letter after ATTEMPTS such deaths, or if its consumer
raised an exception.

Delivery is therefore at least once: a worker that froze for longer than its claim and then
continues finishes a message that another worker has taken meanwhile.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

import msgpack
import redis

from channels_realtime.layer.commands import Command
from channels_realtime.layer.envelope import BadEnvelope, Content
from channels_realtime.layer.scripts import RedeliveryKeys

if TYPE_CHECKING:
    from channels_realtime.layer.channel_layer import Transport

logger = logging.getLogger("channels_realtime.acknowledged")

ATTEMPTS = 3  # workers that may die on one message
RENEW = 4.0  # s between two renewals of a worker's claims, and two looks for lost messages
CLAIM_FOR = 10.0  # s; two renewals may be late. With the next look, a message is back within 15 s
GRACE = 5.0  # s that a message may be under way without a claim
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
    message: Content


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
        self.keys = RedeliveryKeys(
            claims=f"{layer.prefix}:claims",
            suspects=f"{layer.prefix}:suspects",
            attempts=f"{layer.prefix}:attempts",
            dead_letters=f"{layer.prefix}:dead_letters",
            gate=f"{layer.prefix}:redelivery",
        )

    def include(self, channel: str) -> bool:
        """Whether the messages of the channel are acknowledged. Never those of one process."""
        return (
            bool(self.patterns)
            and "!" not in channel
            and "?" not in channel
            and any(fnmatchcase(channel, pattern) for pattern in self.patterns)
        )

    def finish(self, receipt: Receipt) -> Command[None]:
        """The command that removes a message whose consumer has finished."""
        return self.layer.scripts.acknowledge(receipt.shard, receipt.channel, receipt.id)

    def give_up(self, receipt: Receipt, reason: str) -> Command[None]:
        """The command that makes a message a dead letter."""
        return self.layer.scripts.give_up(
            receipt.shard,
            receipt.channel,
            receipt.id,
            reason=reason,
            letters=self.keys.dead_letters,
            max_letters=MOST_DEAD_LETTERS,
        )

    def renew(self, in_hand: Iterable[Receipt], channels: Iterable[str]) -> None:
        """Claim what this process has in hand, and return dead workers' messages to their channels.

        `channels`: those that the project's routing names.
        """
        receipts = tuple(in_hand)
        names = [channel for channel in channels if self.include(channel)]
        for shard in self.layer.ring:
            if shard.is_away:
                continue
            try:
                returned, given_up = self.layer.run(
                    self.layer.scripts.redeliver(
                        shard.index,
                        self.keys,
                        claimed=[r.id for r in receipts if r.shard == shard.index],
                        channels=names,
                        claim_for=CLAIM_FOR,
                        grace=GRACE,
                        look_every=RENEW,
                        attempts=self.attempts,
                        max_letters=MOST_DEAD_LETTERS,
                    )
                )
            except redis.RedisError as error:
                logger.warning("The claims of this worker could not be renewed: %s", error)
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
        key = self.keys.dead_letters
        found: list[DeadLetter] = []
        for packed in self.layer.on_each_shard(lambda client: client.lrange(key, 0, most - 1)):
            found += [self.open(letter) for letter in packed]
        return sorted(found, key=lambda letter: letter.time, reverse=True)[:most]

    def count_dead_letters(self) -> int:
        return sum(self.layer.on_each_shard(lambda client: client.llen(self.keys.dead_letters)))

    def open(self, packed: bytes | str) -> DeadLetter:
        time, channel, reason, entry = msgpack.unpackb(packed, raw=True)
        try:
            message = self.layer.codec.unpack(entry).content
        except BadEnvelope:
            message = {}
        return DeadLetter(int(time), channel.decode(), reason.decode(), message)


class Claims(threading.Thread):
    """Renews the claims of a worker process while its consumers run.

    Args:
        acknowledgements: of the layer that the worker reads.
        in_hand: returns the receipts of the messages whose consumers run just now.
        channels: those that the project's routing names.
    """

    def __init__(
        self,
        acknowledgements: Acknowledgements,
        in_hand: Callable[[], Iterable[Receipt]],
        channels: Iterable[str],
    ) -> None:
        super().__init__(name="claims", daemon=True)
        self.acknowledgements = acknowledgements
        self.in_hand = in_hand
        self.channels = tuple(channels)
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(RENEW):
            self.acknowledgements.renew(self.in_hand(), self.channels)

    def end(self) -> None:
        self.ended.set()
