"""Streams: groups that remember their last messages.

A stream is a group with a bounded history. A socket that comes back says which message it had last,
and gets those that it has missed, or is told that it cannot:

    def ws_connect(message, room):
        stream = Stream(room)
        stream.add(message.reply_channel)  # before the history is read, so nothing is lost
        missed = stream.history(since=None)
        texts = [entry.message["text"] for entry in missed.entries]
        message.reply_channel.send({"accept": True, "text": json.dumps(texts)})


    def ws_receive(message, room):
        Stream(room).send({"text": message["text"]})  # a JSON object

Every member gets the text with one more field, `position`, which names the epoch and the offset of
the message. Offsets count the messages of a stream, without gaps. The epoch is another one where
Redis may have lost messages: it was emptied, restarted or replaced by a replica, or had no room.
Between joining and reading, a message may arrive twice; its position tells.

Appending and sending are one script, so one round trip. The history is in Redis, encrypted as all
messages are where the layer has keys; positions are not. Each message leaves it after `age` seconds
or `size` later messages, and the whole is gone `age` seconds after the last message. All histories
of a shard take at most an eighth of the layer's `memory_budget`; above that, those that have been
silent for the longest are dropped, counted as `history_full` and logged.

It needs a channel layer of this package. With the in-memory layer, which channels.test puts in the
place of the configured one, the history is in the process's memory.
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

    Args:
        entries: in their order. Messages that were removed are left out, so offsets may have gaps.
        epoch: of the stream now; empty for a stream that holds nothing.
        offset: of the last message.
        recovered: whether the entries are all that was sent after `since`. False without `since`;
            the entries are then all that the stream holds.
    """

    entries: list[Entry]
    epoch: str
    offset: int
    recovered: bool

    @property
    def position(self) -> Position | None:
        """Of the last message; None for a stream that holds nothing."""
        return Position(self.epoch, self.offset) if self.epoch else None


class Stream:
    """The stream of a group. Making one costs nothing and changes nothing.

    Args:
        name: of the group; that of `Group`.
        size: messages that the history holds, 0 to 1,000.
        age: seconds for which it holds each, 1 to 31,622,400 (366 days).
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

        It is sent at once, before what the consumer has sent without `immediately`.

        Args:
            message: has a `text` that is a JSON object.
            key: the field of the text in which members get the position, as "<epoch>-<offset>". It
                must not be in the text yet. None sends the text as it is.
            remove: the position of an earlier message whose content is removed from the history,
                in the same step. One that is not held any more changes nothing.

        Returns:
            The position of the message.

        Raises:
            ValueError: the text is no JSON object.
            redis.RedisError: Redis did not take the message.
        """
        text = message.get("text")
        if not isinstance(text, str) or text.strip()[:1] != "{" or text.strip()[-1:] != "}":
            raise ValueError("A message of a stream has a text that is a JSON object")
        return self.store.send(self.name, message, Append(self.size, self.age, key, remove))

    def history(self, since: Position | tuple[str, int] | None = None) -> History:
        """What was sent after `since`, where all of that is held; otherwise all that is held.

        Join the group first: what is sent in between then arrives twice, and is not lost.

        Args:
            since: the epoch and the offset of the last message that the caller knows;
                `Position.parse()` makes them of what a client has sent.

        Raises:
            redis.RedisError: Redis did not answer.
        """
        return self.store.read(self.name, self.age, since and Position(*since))


class RedisStore:
    """Histories in the Redis of a layer of this package."""

    def __init__(self, layer: Transport) -> None:
        self.layer = layer

    def send(self, group: str, message: Content, append: Append) -> Position:
        return self.layer.send_stream(group, message, append)

    def read(self, group: str, age: int, since: Position | None) -> History:
        layer = self.layer
        command = layer.scripts.stream_read(layer.consistent_hash(group), group, age, since)
        return self.opened(group, layer.run(command))

    def opened(self, group: str, reply: StreamReply) -> History:
        """The history with its messages. One that cannot be read is lost, and counted."""
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
    epoch: str = field(default_factory=new_epoch)
    offset: int = 0
    held: deque[Held] = field(default_factory=deque)

    def forget(self, size: int) -> None:
        """Leave the last `size` messages, without those that are too old."""
        while self.held and (len(self.held) > size or self.held[0].until <= time.monotonic()):
            self.held.popleft()


_memory: WeakKeyDictionary[BaseChannelLayer, dict[str, MemoryHistory]] = WeakKeyDictionary()


class MemoryStore:
    """Histories in this process, for as long as its in-memory layer lives."""

    def __init__(self, layer: BaseChannelLayer) -> None:
        self.layer = layer
        self.histories = _memory.setdefault(layer, {})

    def send(self, group: str, message: Content, append: Append) -> Position:
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
