"""How the layer takes messages out of Redis: at once or waiting, at one shard or at several."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from channels_realtime.layer.acknowledgements import Receipt
from channels_realtime.layer.commands import Command
from channels_realtime.layer.connection import Connection
from channels_realtime.layer.envelope import ACKNOWLEDGED, GROUP, MESSAGE, BadEnvelope, stamp
from channels_realtime.layer.waiting import Waiting

logger = logging.getLogger("channels_realtime.layer")


class Found(NamedTuple):
    """What a channel's list held, and the shard on which it lay."""

    shard: int
    list: bytes
    entry: bytes


class Delivery(NamedTuple):
    """A message for a consumer."""

    channel: str
    content: dict
    receipt: Receipt | None = None


class Receiving:
    """The half of channels_realtime.layer.channel_layer.Transport that receives."""

    def take(self, channels: Iterable[str], block: bool = False) -> Delivery | None:
        """The next message of one of the channels, or None.

        With `block` it waits up to `blpop_timeout` seconds. Channels take turns at being first.
        A message with a receipt stays in Redis until it is acknowledged; see
        channels_realtime.layer.acknowledgements. Raises redis.RedisError or OSError.
        """
        channels = list(channels)
        for channel in channels:
            assert self.valid_channel_name(channel, receive=True), "Channel name invalid"
            if waiting := self.expanded.get(channel):
                return Delivery(*waiting.popleft())
        if not channels:
            return None
        lists = self.lists(channels)
        while found := self.pop_blocking(channels, lists) if block else self.pop_now(lists):
            if delivery := self.open_entry(found):
                return delivery
        return None

    def receive(
        self, channels: Iterable[str], block: bool = False
    ) -> tuple[str, dict] | tuple[None, None]:
        """As take(), in the form that Channels 1.x calls: (channel, message) or (None, None).

        An acknowledged message is acknowledged at once.
        """
        delivery = self.take(channels, block)
        if delivery is None:
            return None, None
        if delivery.receipt is not None:
            self.run_many([self.acknowledgements.finish(delivery.receipt)])
        return delivery.channel, delivery.content

    def receive_many(self, channels, block=False):
        """The name that Channels 1.x calls; the base class warns on every call of it."""
        return self.receive(channels, block)

    def send_and_wait(self, commands: Sequence[Command], channels: list[str]) -> list[Any]:
        """Run the commands and begin to wait as receive() does, in one round trip.

        Returns the replies. The next receive() must be for the same channels and with `block`.
        """
        if self.ring_size > 1:
            return self.run_many(commands)
        connection = self.shard(0)
        replies = connection.pipeline_and_pop(commands, self.lists(channels), self.blpop_timeout)
        if 0 in replies:
            # A channel was full; the caller wants to try again before it waits.
            self.connection(0).client_unblock(connection.client_id)
            self.local.early = connection.end_pop()
        return replies

    def lists(self, channels):
        """The channels' lists, another one first each time."""
        turn = self.local.__dict__.get("turn", 0) % len(channels)
        self.local.turn = turn + 1
        return [self.prefix + channel for channel in channels[turn:] + channels[:turn]]

    def pop_now(self, lists: list[str]) -> Found | None:
        """The entry of the first shard that has one, beginning with another one each time."""
        first = next(self._receive_index_generator)
        for step in range(self.ring_size):
            index = (first + step) % self.ring_size
            if self.ring_size > 1 and self.ring[index].is_away:
                continue
            expired, *found = self.shard(index).run("receive", lists, [self.expiry])
            if expired:
                self.drop_expired(expired, lists[0].removeprefix(self.prefix))
            if found:
                return Found(index, *found)
        return None

    def pop_blocking(self, channels: list[str], lists: list[str]) -> Found | None:
        """An entry, or None after `blpop_timeout` seconds."""
        if early := self.local.__dict__.pop("early", None):
            return Found(0, *early)
        deadline = time.monotonic() + self.blpop_timeout
        while (left := deadline - time.monotonic()) > 0:
            if self.ring_size == 1:
                connection = self.shard(0)
                if not connection.popping:  # send_and_wait() may have begun
                    connection.begin_pop(lists, self.blpop_timeout)
                popped = connection.end_pop()
                if not popped:
                    return None
                found = Found(0, *popped)
            else:
                entry = self.waiting(channels, lists).pop(max(1, int(left)))
                if entry is None:
                    return None
                connection = entry.connection
                found = Found(connection.shard.index, entry.list, entry.content)
            if not self.is_expired(connection, found):
                return found
        return None

    def is_expired(self, connection: Connection, found: Found) -> bool:
        """Whether the entry waited for too long; if so it is counted."""
        clock, stamped = connection.shard.clock, stamp(found.entry)
        name = found.list.decode().removeprefix(self.prefix)
        if self.acknowledgements.include(name):
            return False  # it stays until a consumer has finished with it
        if clock.now() - self.expiry < stamped <= clock.now() + 1:
            return False
        # Perhaps not the message is old, or from the future, but Redis's clock has been set.
        connection.read_clock()
        if clock.now() - self.expiry < stamped:
            return False
        self.drop_expired(1, name)
        return True

    def waiting(self, channels: list[str], lists: list[str]) -> Waiting:
        """This thread's wait at all shards for these channels."""
        waits = self.local.__dict__.setdefault("waits", {})
        key = frozenset(channels)
        if key not in waits:
            connections = [self.connect(index) for index in range(self.ring_size)]
            waits[key] = Waiting(connections, lists)
        return waits[key]

    def leftover(self) -> Iterator[Delivery]:
        """Messages that this thread's waits brought after the last take().

        A thread that stops receiving must ask; see layer.waiting. Raises redis.RedisError.
        """
        if self.ring_size == 1 and (connection := self.shard(0)).popping:
            # An error reply to what was sent together with the wait.
            self.interrupt()
            popped = connection.end_pop()
            if popped and (delivery := self.open_entry(Found(0, *popped))):
                yield delivery
        for waiting in self.local.__dict__.get("waits", {}).values():
            self.interrupt()
            for entry in waiting.leftover():
                found = Found(entry.connection.shard.index, entry.list, entry.content)
                if delivery := self.open_entry(found):
                    yield delivery

    def interrupt(self) -> None:
        """End every blocked receive() of this process early. A message it has is not lost.

        Raises redis.RedisError.
        """
        for connection in list(self.opened):
            if connection.popping and not connection.shard.is_away:
                connection.shard.client.client_unblock(connection.client_id)

    def open_entry(self, found: Found) -> Delivery | None:
        """The message of a list's entry, or None where it holds none for this process."""
        name = found.list.decode()[len(self.prefix) :]
        try:
            kind, channel, content = self.codec.unpack(found.entry)
        except BadEnvelope as reason:
            self.drop("unreadable")
            logger.error("Dropped an entry of %s that cannot be read: %s", name, reason)
            return None
        if kind == MESSAGE:
            return Delivery(channel or name, content)
        if kind == ACKNOWLEDGED:
            return Delivery(name, content, Receipt(found.shard, name, channel))
        if kind != GROUP:
            return None
        if not name.endswith("!"):
            return Delivery(name, content)
        # A process that does not know its members: one message for each.
        waiting = self.expanded.setdefault(name, deque())
        waiting.extend((m, content) for m in self.group_channels(channel) if m.startswith(name))
        return Delivery(*waiting.popleft()) if waiting else None
