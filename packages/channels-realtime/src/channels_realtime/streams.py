"""Streams: groups that remember their last messages.

A stream is a group with a bounded history. A client that reconnects names the last message that it
has received. It gets the messages that it has missed, or learns that some of them are gone:

    def ws_connect(message, room):
        stream = Stream(room)
        stream.add(message.reply_channel)  # before the history is read, so nothing is lost
        missed = stream.history(since=None)
        texts = [entry.message["text"] for entry in missed.entries]
        message.reply_channel.send({"accept": True, "text": json.dumps(texts)})


    def ws_receive(message, room):
        Stream(room).send({"text": message["text"]})  # a JSON object

Every member gets the text with one more field, `position`: the epoch and the offset of the message.
Offsets count the messages of a stream without gaps. The epoch changes when messages may have been
lost, because Redis was emptied, restarted or replaced by a replica, or had no room. A message that
is sent between joining and reading may arrive twice, with the same position.

Appending and sending are one script, so they take one round trip. The history is in Redis. If the
layer has keys, messages are encrypted there as everywhere; positions are not. A message is removed
after `age` seconds or `size` later messages, and the stream ends `age` seconds after its last
message. All histories of a shard take at most an eighth of the layer's `memory_budget`. Above that,
those that have been silent for the longest are dropped, counted as `history_full` and logged.

Streams need a channel layer of this package. With the in-memory layer, which channels.test uses
instead of the configured one, the history is in the memory of the process.
"""

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from asgiref.base_layer import BaseChannelLayer
from channels import DEFAULT_CHANNEL_LAYER, Channel, Group
from channels.asgi import ChannelLayerWrapper

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.envelope import (
    STAMP,
    BadEnvelope,
    Content,
    Position,
    with_position,
)
from channels_realtime.layer.requirement import require_transport
from channels_realtime.layer.scripts import Append, StreamReply, new_epoch
from channels_realtime.tracing import CONTEXT

__all__ = ["Entry", "History", "Position", "Stream"]

logger = logging.getLogger("channels_realtime.streams")

MOST = 1000  # messages of a history: one script reads all of them
LONGEST = 366 * 86_400  # s


class Entry(NamedTuple):
    """A message of a history, as the members of the group have received it."""

    offset: int
    message: Content


class History(NamedTuple):
    """What a stream holds.

    Attributes:
        entries: the messages, oldest first. Removed messages are left out, so offsets may have
            gaps.
        epoch: the present epoch of the stream; empty if the stream holds nothing.
        offset: the offset of the last message, also if it was removed.
        recovered: whether the entries are all messages that were sent after `since`. If False, or
            without `since`, they are all that the stream holds.
    """

    entries: list[Entry]
    epoch: str
    offset: int
    recovered: bool

    @property
    def position(self) -> Position | None:
        """The position of the last message; None if the stream holds nothing."""
        return Position(self.epoch, self.offset) if self.epoch else None


class Stream:
    """The stream of a group. The constructor neither connects to Redis nor changes anything there.

    Args:
        name: the name of the group, as in `Group`.
        size: the number of messages that the history holds, 0 to 1,000.
        age: the seconds for which it holds each, 1 to 31,622,400 (366 days).
        alias: the channel layer, as in `Group`.
        channel_layer: the layer itself, instead of the alias, as in `Group`.

    Raises:
        ValueError: `size` or `age` is out of range.
        channels_realtime.layer.requirement.UnsupportedLayer: the layer is neither one of this
            package nor in memory.
    """

    def __init__(
        self,
        name: str,
        size: int = 100,
        age: int = 3600,
        alias: str = DEFAULT_CHANNEL_LAYER,
        channel_layer: ChannelLayerWrapper | None = None,
    ) -> None:
        if not 0 <= size <= MOST:
            raise ValueError(f"A stream holds 0 to {MOST} messages, not {size}")
        if not 1 <= age <= LONGEST:
            raise ValueError(f"A stream holds messages for 1 to {LONGEST} s, not {age}")
        self.group = Group(name, alias, channel_layer)
        self.name = name
        self.size = size
        self.age = int(age)
        wrapper = self.group.channel_layer
        self.store: RedisStore | MemoryStore
        if wrapper.local_only():
            self.store = MemoryStore(wrapper.channel_layer)
        else:
            self.store = RedisStore(require_transport(wrapper.channel_layer, "A stream"))

    def add(self, channel: str | Channel) -> None:
        """Add the channel to the group."""
        self.group.add(channel)

    def discard(self, channel: str | Channel) -> None:
        """Remove the channel from the group."""
        self.group.discard(channel)

    def send(
        self, message: Content, key: str | None = "position", remove: Position | None = None
    ) -> Position:
        """Append the message to the history and send it to the group.

        It is sent at once, before messages that the consumer has sent without `immediately`.

        Args:
            message: has a `text` that is a JSON object.
            key: the field of the text in which members get the position, as "<epoch>-<offset>". It
                must not be in the text yet. None sends the text as it is.
            remove: the position of an earlier message, whose content is removed from the history
                in the same step. Nothing is removed if the history no longer holds it.

        Returns:
            The position of the message.

        Raises:
            ValueError: the text is not a JSON object.
            redis.RedisError: Redis did not store the message.
        """
        text = message.get("text")
        if not isinstance(text, str) or text.strip()[:1] != "{" or text.strip()[-1:] != "}":
            raise ValueError("A message of a stream has a text that is a JSON object")
        return self.store.send(self.name, message, Append(self.size, self.age, key, remove))

    def history(self, since: Position | tuple[str, int] | None = None) -> History:
        """The messages after `since` if the stream holds all of them, otherwise all that it holds.

        Join the group first: a message that is sent in between then arrives twice instead of never.

        Args:
            since: the position of the last message that the client has received;
                `Position.parse()` reads it from text.

        Raises:
            redis.RedisError: Redis did not answer.
        """
        return self.store.read(self.name, self.age, since and Position(*since))


class RedisStore:
    """Histories in the Redis of a layer of this package."""

    def __init__(self, layer: Transport) -> None:
        self.layer = layer

    def send(self, group: str, message: Content, append: Append) -> Position:
        """As Transport.send_stream()."""
        return self.layer.send_stream(group, message, append)

    def read(self, group: str, age: int, since: Position | None) -> History:
        """The history after `since`; see Stream.history(). `age`: seconds."""
        layer = self.layer
        command = layer.scripts.stream_read(layer.consistent_hash(group), group, age, since)
        return self.unpack(group, layer.run(command))

    def unpack(self, group: str, reply: StreamReply) -> History:
        """The history of a reply. Messages that cannot be read are left out, counted and logged."""
        entries = []
        recovered = reply.recovered
        for offset, entry in enumerate(reply.entries, reply.first):
            if len(entry) <= STAMP.size:
                continue  # removed
            try:
                message = self.layer.codec.unpack(entry).content
                message.pop(CONTEXT, None)
                entries.append(Entry(offset, message))
            except BadEnvelope as reason:
                recovered = False
                self.layer.drop("unreadable")
                logger.error("Message %d of stream %s cannot be read: %s", offset, group, reason)
        return History(entries, reply.epoch, reply.offset, recovered)


@dataclass
class Held:
    """A message in memory. `message` is None after its removal."""

    offset: int
    until: float  # monotonic seconds
    message: Content | None


@dataclass
class MemoryHistory:
    """The history of one group in memory. `offset`: that of its last message."""

    epoch: str = field(default_factory=new_epoch)
    offset: int = 0
    held: deque[Held] = field(default_factory=deque)

    def forget(self, size: int) -> None:
        """Remove messages that are too old, and all but the last `size`."""
        while self.held and (len(self.held) > size or self.held[0].until <= time.monotonic()):
            self.held.popleft()


_memory: WeakKeyDictionary[BaseChannelLayer, dict[str, MemoryHistory]] = WeakKeyDictionary()


class MemoryStore:
    """Histories in this process, for as long as its in-memory layer lives."""

    def __init__(self, layer: BaseChannelLayer) -> None:
        self.layer = layer
        self.histories = _memory.setdefault(layer, {})

    def send(self, group: str, message: Content, append: Append) -> Position:
        """As RedisStore.send()."""
        history = self.histories.setdefault(group, MemoryHistory())
        history.offset += 1
        position = Position(history.epoch, history.offset)
        message = with_position(message, append.key, position)
        for held in history.held:
            if append.remove == (history.epoch, held.offset):
                held.message = None
        history.held.append(Held(history.offset, time.monotonic() + append.age, message))
        history.forget(append.size)
        self.layer.send_group(group, message)
        return position

    def read(self, group: str, age: int, since: Position | None) -> History:
        """As RedisStore.read(). Each message has an age of its own here."""
        history = self.histories.get(group)
        if history is None:
            return History([], "", 0, False)
        history.forget(MOST)
        oldest = history.held[0].offset if history.held else history.offset + 1
        recovered = (
            since is not None
            and since.epoch == history.epoch
            and oldest - 1 <= since.offset <= history.offset
        )
        first = since.offset + 1 if recovered and since is not None else oldest
        entries = [
            Entry(held.offset, held.message)
            for held in history.held
            if held.message is not None and held.offset >= first
        ]
        return History(entries, history.epoch, history.offset, recovered)
