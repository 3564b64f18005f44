"""How the layer takes messages out of Redis: at once or waiting, at one shard or at several."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import redis

from channels_realtime.layer.acknowledgements import Receipt
from channels_realtime.layer.commands import Command, Reply
from channels_realtime.layer.connection import Popped
from channels_realtime.layer.envelope import (
    ACKNOWLEDGED,
    GROUP,
    MESSAGE,
    BadEnvelope,
    Content,
    stamp,
)
from channels_realtime.layer.scripts import SendReply
from channels_realtime.layer.waiting import Waiting

if TYPE_CHECKING:
    from channels_realtime.layer.channel_layer import Transport

logger = logging.getLogger("channels_realtime.layer")

MAX_KNOWN = 1000  # sets of channels whose lists are kept; all are forgotten above that


Waits = dict[frozenset[str], Waiting]  # at all shards, by channels


class Delivery(NamedTuple):
    """A message for a consumer."""

    channel: str
    content: Content
    receipt: Receipt | None = None


class ThreadState(threading.local):
    """What a receiver keeps for each thread that receives."""

    def __init__(self, all_waits: "dict[int, Waits]") -> None:
        self.turn = 0  # which of the channels comes first
        self.early: Popped | None = None  # what a wait brought that had to end early
        self.waits: Waits = {}
        all_waits[threading.get_ident()] = self.waits


class Receiver:
    """Takes the messages of one layer out of its shards."""

    def __init__(self, layer: "Transport") -> None:
        self.layer = layer
        self.waits: dict[int, Waits] = {}  # by the threads' idents
        self.thread = ThreadState(self.waits)
        # process -> messages for its members, where it does not know them itself
        self.expanded: dict[str, deque[Delivery]] = {}
        # channels -> their lists, once for each of them that may come first
        self.known: dict[tuple[str, ...], list[list[str]]] = {}

    def take(self, channels: Iterable[str], block: bool = False) -> Delivery | None:
        """The next message of one of the channels, or None.

        With `block` it waits up to `blpop_timeout` seconds. Channels take turns at being first.
        A message with a receipt stays in Redis until it is acknowledged; see
        channels_realtime.layer.acknowledgements. Raises redis.RedisError or OSError.
        """
        names = tuple(channels)
        if not names:
            return None
        lists = self.lists(names)
        if self.expanded:
            for name in names:
                if waiting := self.expanded.get(name):
                    return waiting.popleft()
        while popped := self.pop_blocking(names, lists) if block else self.pop_now(lists):
            if delivery := self.open_entry(popped):
                return delivery
        return None

    def send_and_wait(
        self, commands: Sequence[Command[Reply]], channels: Iterable[str]
    ) -> list[Reply]:
        """Run the commands and begin to wait as take() does, in one round trip.

        Returns the replies. The next take() must be for the same channels and with `block`.
        """
        layer = self.layer
        if layer.ring_size > 1:
            return layer.run_many(commands)
        connection = layer.shard(0)
        lists = self.lists(tuple(channels))
        replies = connection.pipeline_and_pop(commands, lists, layer.blpop_timeout)
        if SendReply.FULL in replies:
            # The caller sends it again before it waits.
            layer.connection(0).client_unblock(connection.client_id)
            self.thread.early = connection.end_pop()
        return replies

    def lists(self, channels: tuple[str, ...]) -> list[str]:
        """The channels' lists, another one first each time."""
        rotations = self.known.get(channels) or self.new_rotations(channels)
        turn = self.thread.turn % len(rotations)
        self.thread.turn = turn + 1
        return rotations[turn]

    def new_rotations(self, channels: tuple[str, ...]) -> list[list[str]]:
        """The channels' lists, once for each of them that may come first."""
        for channel in channels:
            assert self.layer.valid_channel_name(channel, receive=True), "Channel name invalid"
        lists = [self.layer.prefix + channel for channel in channels]
        rotations = [lists[turn:] + lists[:turn] for turn in range(len(lists))]
        if len(self.known) >= MAX_KNOWN:
            self.known.clear()
        self.known[channels] = rotations
        return rotations

    def pop_now(self, lists: Sequence[str]) -> Popped | None:
        """The entry of the first shard that has one, beginning with another one each time."""
        layer = self.layer
        first = next(layer._receive_index_generator)
        for step in range(layer.ring_size):
            index = (first + step) % layer.ring_size
            if layer.ring_size > 1 and layer.ring[index].is_away:
                continue
            connection = layer.shard(index)
            reply = connection.run(layer.scripts.receive(index, lists))
            if reply.expired:
                layer.drop_expired(reply.expired, lists[0].removeprefix(layer.prefix))
            if reply.list is not None and reply.entry is not None:
                return Popped(connection, reply.list, reply.entry)
        return None

    def pop_blocking(self, channels: Sequence[str], lists: Sequence[str]) -> Popped | None:
        """An entry, or None after `blpop_timeout` seconds."""
        layer = self.layer
        if early := self.thread.early:
            self.thread.early = None
            return early
        deadline = time.monotonic() + layer.blpop_timeout
        while (left := deadline - time.monotonic()) > 0:
            if layer.ring_size == 1:
                connection = layer.shard(0)
                if not connection.popping:  # send_and_wait() may have begun
                    connection.begin_pop(lists, layer.blpop_timeout)
                popped = connection.end_pop()
            else:
                popped = self.waiting(channels, lists).pop(max(1, int(left)))
            if popped is None or not self.is_expired(popped):
                return popped
        return None

    def is_expired(self, popped: Popped) -> bool:
        """Whether the entry waited for too long; if so it is counted."""
        clock, stamped = popped.connection.shard.clock, stamp(popped.entry)
        expiry = self.layer.expiry
        # An acknowledged message has no expiry: it stays until a consumer has finished.
        now = clock.now()
        if now - expiry < stamped <= now + 1:
            return False
        name = self.name_of(popped)
        if self.layer.acknowledgements.include(name):
            return False
        # Perhaps not the message is old, or from the future, but Redis's clock has been set.
        popped.connection.read_clock()
        if clock.now() - expiry < stamped:
            return False
        self.layer.drop_expired(1, name)
        return True

    def name_of(self, popped: Popped) -> str:
        """The channel, or the process, whose list the entry lay in."""
        return popped.list.decode()[len(self.layer.prefix) :]

    def waiting(self, channels: Iterable[str], lists: Sequence[str]) -> Waiting:
        """This thread's wait at all shards for these channels."""
        waits, key = self.thread.waits, frozenset(channels)
        if key not in waits:
            connections = [self.layer.connect(index) for index in range(self.layer.ring_size)]
            waits[key] = Waiting(connections, lists)
        return waits[key]

    def leftover(self) -> Iterator[Delivery]:
        """Messages that this thread's waits brought after the last take().

        A thread that stops receiving must handle them; see layer.waiting. Raises redis.RedisError.
        """
        for popped in self.pop_leftover():
            if delivery := self.open_entry(popped):
                yield delivery

    def pop_leftover(self) -> Iterator[Popped]:
        layer = self.layer
        if layer.ring_size == 1 and (connection := layer.shard(0)).popping:
            # An error reply to what was sent together with the wait.
            layer.interrupt()
            if popped := connection.end_pop():
                yield popped
        for waiting in self.thread.waits.values():
            layer.interrupt()
            yield from waiting.leftover()

    def put_back(self, thread: int) -> int:
        """Return the messages that wait for a thread which handles another one to their lists.

        `thread`: its ident. Returns the number of messages.
        """
        waits = tuple(self.waits.get(thread, {}).values())
        return sum(waiting.put_back(self.put_entry_back) for waiting in waits)

    def put_entry_back(self, popped: Popped) -> None:
        """Raises redis.ResponseError where Redis refuses it, with a full memory for example."""
        connection, name = popped.connection, self.name_of(popped)
        stays = self.layer.acknowledgements.include(name)
        command = self.layer.scripts.put_back(
            connection.shard.index, popped.list.decode(), popped.entry, stays
        )
        try:
            # Once: whether Redis has carried out what it has not answered is unknown.
            connection.exchange([connection.evalsha(command)])
        except redis.ResponseError:
            raise
        except (redis.RedisError, OSError) as error:
            self.layer.drop("redis_lost")
            logger.error("A message on %s was lost: %s", name, error)

    def disconnect(self) -> None:
        """Close the connections of this thread's waits."""
        for waiting in self.thread.waits.values():
            for connection in waiting.connections:
                connection.close()

    def open_entry(self, popped: Popped) -> Delivery | None:
        """The message of a list's entry, or None where it holds none for this process."""
        layer = self.layer
        name = self.name_of(popped)
        try:
            kind, channel, content, _ = layer.codec.unpack(popped.entry)
        except BadEnvelope as reason:
            layer.drop("unreadable")
            logger.error("Dropped an entry of %s that cannot be read: %s", name, reason)
            return None
        if kind == MESSAGE:
            return Delivery(channel or name, content)
        if kind == ACKNOWLEDGED and channel is not None:
            return Delivery(name, content, Receipt(popped.connection.shard.index, name, channel))
        if kind != GROUP or channel is None:
            return None
        if not name.endswith("!"):
            return Delivery(name, content)
        # A process that does not know its members: one message for each.
        waiting = self.expanded.setdefault(name, deque())
        members = [member for member in layer.group_channels(channel) if member.startswith(name)]
        waiting.extend(Delivery(member, content) for member in members)
        return waiting.popleft() if waiting else None
