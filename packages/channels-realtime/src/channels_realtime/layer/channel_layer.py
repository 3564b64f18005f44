"""The channel layer: messages and groups through one or several Redis servers.

It keeps asgi-redis's interface, settings and channel semantics. What is new:

* A message travels in the list entry itself, so sending and receiving are one round trip each.
* A group remembers which *processes* hold its process-local members. Sending to it puts one entry
  into each process's list. An interface server of ours (its channels begin with PROCESS) spreads
  it over its sockets; for any other process `receive` hands out one message per member.
* Nothing is dropped in silence: what did not fit is counted and logged.
"""

import itertools
import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from channels_realtime import compat, tracing

compat.install()

import asgi_redis  # noqa: E402
import redis  # noqa: E402
from asgi_redis.core import BaseRedisChannelLayer  # noqa: E402

from channels_realtime.layer.acknowledgements import ATTEMPTS, Acknowledgements  # noqa: E402
from channels_realtime.layer.commands import Command, Reply  # noqa: E402
from channels_realtime.layer.connection import Connection  # noqa: E402
from channels_realtime.layer.envelope import (  # noqa: E402
    ACKNOWLEDGED,
    GROUP,
    JOIN,
    LEAVE,
    LOSS,
    MESSAGE,
    Codec,
    Content,
    Mark,
    Position,
    stamp,
    with_position,
)
from channels_realtime.layer.receiving import Delivery, Receiver  # noqa: E402
from channels_realtime.layer.scripts import (  # noqa: E402
    DEAD_AFTER,
    Append,
    Scripts,
    SendReply,
    SendTarget,
    Write,
)
from channels_realtime.layer.shard import DEADLINES, FAILURES, Shard  # noqa: E402
from channels_realtime.memory_budget import DEFAULT, Budget  # noqa: E402

if TYPE_CHECKING:
    from channels_realtime.metrics.counters import Metrics

__all__ = ["DEAD_AFTER", "HEARTBEAT", "PROCESS", "RedisChannelLayer", "RedisSentinelChannelLayer"]

logger = logging.getLogger("channels_realtime.layer")

PROCESS = "realtime."  # begins the names of channels that our interface servers hold
HEARTBEAT = 1.5  # s: Redis losing its keys is noticed within 2 s
WRITES = 256  # the last writes of a process by which Redis recognises one that is sent again
LOG_EVERY = 10.0  # s between two log lines about expired messages
MAX_TARGETS = 1000  # channels whose keys and limits are kept; all are forgotten above that

Result = TypeVar("Result")


_layers: "weakref.WeakSet[Transport]" = weakref.WeakSet()


def start_forked_process() -> None:
    """A consumer has forked, or a server that forks its workers has loaded the layer before.

    On a connection of its parent, the process would read replies to the parent's commands; and
    Redis would take its messages, with the parent's numbers, for repetitions and drop them.
    """
    for layer in list(_layers):
        layer.start_process()


os.register_at_fork(after_in_child=start_forked_process)


class ChannelStatistics(TypedDict):
    """asgi-redis's statistics of a channel; the age is in seconds."""

    messages_count: int
    messages_pending: int
    messages_max_age: float
    channel_full_count: int


class Transport(BaseRedisChannelLayer):
    """What is the same whether Redis is named by address or found through Sentinel."""

    extensions = ["groups", "flush", "statistics"]
    blpop_timeout = 3  # s that a receive() waits; fewer than shard.ANSWER_WITHIN
    metrics: "Metrics | None" = None  # where to count drops; the worker sets it

    # What asgi-redis's classes set:
    prefix: str
    stats_prefix: str
    expiry: int
    group_expiry: int
    capacity: int
    channel_capacity: Sequence[object]
    ring_size: int
    ChannelFull: type[Exception]

    def prepare(self, acknowledged: Iterable[str], attempts: int, memory_budget: int) -> None:
        """Set up what needs the hosts. Arguments: see Acknowledgements, and Budget."""
        self.budget = Budget.of(memory_budget)
        self.codec = Codec(self.crypter)
        self.scripts = Scripts(self.prefix, self.stats_prefix, self.expiry, self.group_expiry)
        self.processes_key = self.scripts.processes
        self.global_counts = f"{self.stats_prefix}{self.global_stats_key}"
        self.acknowledgements = Acknowledgements(self, acknowledged, attempts)
        self.expired = 0  # messages since the last log line about them
        self.expired_logged = float("-inf")
        self.start_process()
        _layers.add(self)

    def start_process(self) -> None:
        """Set up what two processes must not share: connections, and the numbers of writes."""
        self.local = threading.local()
        self.ring = [Shard(index, self.connection(index)) for index in range(self.ring_size)]
        self.opened: list[Connection] = []  # of all threads
        self.targets: dict[str, SendTarget] = {}  # by channel, or by process
        self.writer = secrets.token_hex(8)
        self.writes_key = f"{self.prefix}:writes:{self.writer}"
        self.writes = itertools.count(1)
        self.receiver = Receiver(self)

    # Where things are

    def shard(self, index: int) -> Connection:
        """This thread's connection to a shard."""
        connections: dict[int, Connection] = self.local.__dict__.setdefault("connections", {})
        if index not in connections:
            connections[index] = self.connect(index)
        return connections[index]

    def connect(self, index: int) -> Connection:
        """A new connection to a shard, which interrupt() can reach."""
        announcement = self.scripts.announce_loss(index, self.codec.pack(LOSS, "", None))
        connection = Connection(self.ring[index], announcement)
        self.opened.append(connection)
        return connection

    def disconnect(self) -> None:
        """Close the calling thread's connections. None of them may wait for a message."""
        for connection in [*self.local.__dict__.get("connections", {}).values()]:
            connection.close()
        self.receiver.disconnect()

    def shard_of(self, channel: str) -> int:
        """The shard for a message to the channel: by its name if only one process reads it."""
        if "!" in channel:
            return self.home(self.non_local_name(channel))
        if "?" in channel:
            return self.home(channel)
        for _ in range(self.ring_size):
            index: int = next(self._send_index_generator)
            if not self.ring[index].is_away:
                break
        return index

    def home(self, name: str) -> int:
        """The shard of a name whose readers read all shards: while its own is away, the next one.

        A group always stays on the shard of consistent_hash().
        """
        first: int = self.consistent_hash(name)
        for step in range(self.ring_size):
            index = (first + step) % self.ring_size
            if not self.ring[index].is_away:
                return index
        return first

    def has_shard_away(self) -> bool:
        """Whether a shard did not answer the last attempt to connect."""
        for shard in self.ring:  # noqa: SIM110  (a generator costs more than the rest, per message)
            if shard.away_since is not None:
                return True
        return False

    def group_key(self, group: str) -> str:
        """The key of a group, on the shard of consistent_hash()."""
        return self.scripts.group_key(group)

    def next_write(self) -> Write:
        """The number of a write that must not be done twice."""
        number = next(self.writes)
        return Write(number % WRITES, number)

    # Messages

    def send(self, channel: str, message: Content) -> None:
        """Append the message to the channel. Raises ChannelFull."""
        self.send_many([(channel, message)])

    def send_many(
        self, messages: Sequence[tuple[str, Content]], before: Sequence[Command[None]] = ()
    ) -> None:
        """Send (channel, message) pairs, those of one shard in one round trip and in order.

        Args:
            messages: (channel, content) pairs.
            before: commands that are run before, in the same round trips.

        Raises:
            ChannelFull: its arguments are the channels that were full; the others are sent.
        """
        commands: list[Command[SendReply | None]] = [*before]
        commands += [self.send_command(channel, message) for channel, message in messages]
        replies = self.run_many(commands)[len(before) :]
        full = [
            channel
            for (channel, _), reply in zip(messages, replies, strict=True)
            if reply is SendReply.FULL
        ]
        if full:
            raise self.ChannelFull(*full)

    def run_many(self, commands: Sequence[Command[Reply]]) -> list[Reply]:
        """Run the commands, those of a shard in order and in one round trip; their replies."""
        if self.ring_size == 1 or len(commands) == 1:
            return self.shard(commands[0].shard).pipeline(commands) if commands else []
        replies: dict[int, Reply] = {}
        for index in {command.shard for command in commands}:
            places = [place for place, c in enumerate(commands) if c.shard == index]
            found = self.shard(index).pipeline([commands[place] for place in places])
            replies.update(zip(places, found, strict=True))
        return [replies[place] for place in range(len(commands))]

    def run(self, command: Command[Reply]) -> Reply:
        """Run one command in a round trip; its reply."""
        return self.shard(command.shard).run(command)

    def send_command(
        self, channel: str, message: Content, shard: int | None = None
    ) -> Command[SendReply]:
        """The command that sends the message. `shard`: as shard_of(), where it is known."""
        assert isinstance(message, dict), "message is not a dict"
        write = self.next_write()
        if "!" in channel:
            assert self.valid_channel_name(channel), "Channel name not valid"
            process: str = self.non_local_name(channel)
            target = self.targets.get(process) or self.new_target(process)
            entry = self.codec.pack(MESSAGE, channel, message)
            identity = ""
        else:
            target = self.targets.get(channel) or self.new_target(channel)
            identity = f"{self.writer}:{write.number}" if target.is_acknowledged else ""
            if identity:
                entry = self.codec.pack(ACKNOWLEDGED, identity, message)
            else:
                entry = self.codec.pack(MESSAGE, None, message)
        if shard is None:
            shard = self.shard_of(channel)
        return self.scripts.send(shard, target, entry, write, identity)

    def new_target(self, name: str) -> SendTarget:
        """What send() needs to know of a channel, or of a process whose name ends in "!"."""
        process = name if name.endswith("!") else ""
        if not process:
            assert self.valid_channel_name(name), "Channel name not valid"
        target = self.scripts.send_target(
            name,
            process=process,
            is_acknowledged=self.acknowledgements.include(name),
            writes=self.writes_key,
            global_counts=self.global_counts,
            capacity=self.get_capacity(name),
            max_bytes=self.budget.backlog if process else self.budget.channel,
            channel_counts_expiry=self.channel_statistics_expiry,
            global_counts_expiry=self.global_statistics_expiry,
        )
        if "?" not in name:  # those are as many as there are conversations
            if len(self.targets) >= MAX_TARGETS:
                self.targets.clear()
            self.targets[name] = target
        return target

    def take(self, channels: Iterable[str], block: bool = False) -> Delivery | None:
        """The next message of one of the channels, or None; see Receiver.take()."""
        return self.receiver.take(channels, block)

    def receive(
        self, channels: Iterable[str], block: bool = False
    ) -> tuple[str, Content] | tuple[None, None]:
        """As take(), in the form that Channels 1.x calls: (channel, message) or (None, None).

        An acknowledged message is acknowledged at once.
        """
        delivery = self.receiver.take(channels, block)
        if delivery is None:
            return None, None
        if delivery.receipt is not None:
            self.run(self.acknowledgements.finish(delivery.receipt))
        return delivery.channel, delivery.content

    def receive_many(
        self, channels: Iterable[str], block: bool = False
    ) -> tuple[str, Content] | tuple[None, None]:
        """The name that Channels 1.x calls; the base class warns on every call of it."""
        return self.receive(channels, block)

    def interrupt(self) -> None:
        """End every blocked receive() of this process early. A message it has is not lost.

        Raises redis.RedisError.
        """
        for connection in list(self.opened):
            if connection.popping and not connection.shard.is_away:
                connection.shard.client.client_unblock(connection.client_id)

    # Groups

    def group_add(self, group: str, channel: str) -> None:
        """Add the channel; it stays as long as its process lives, or for `group_expiry` s."""
        self.change_group(self.scripts.group_add, JOIN, group, channel)

    def group_discard(self, group: str, channel: str) -> None:
        """Remove the channel if it is in the group."""
        self.change_group(self.scripts.group_discard, LEAVE, group, channel)

    def change_group(
        self,
        command: Callable[[int, str, str, bytes, bool], Command[None]],
        kind: int,
        group: str,
        channel: str,
    ) -> None:
        assert self.valid_group_name(group), "Group name not valid"
        assert self.valid_channel_name(channel), "Channel name not valid"
        entry = self.codec.pack(kind, group, channel)
        is_ours = channel.startswith(PROCESS)
        self.run(command(self.consistent_hash(group), group, channel, entry, is_ours))

    def group_channels(self, group: str) -> list[str]:
        """The channels of the group, without those of dead processes."""
        return self.run(self.scripts.group_members(self.consistent_hash(group), group))

    def group_size(self, group: str) -> int:
        """How many channels are in the group; costs one step per process, not per channel."""
        return sum(self.group_sizes(group).values())

    def group_sizes(self, group: str) -> dict[str, int]:
        """How many channels of each process are in the group; "" for those without a process."""
        return self.run(self.scripts.group_sizes(self.consistent_hash(group), group))

    def send_group(self, group: str, message: Content, mark: Mark | None = None) -> None:
        """Send the message to every member of the group. Never raises ChannelFull.

        `mark`: with it, interface servers may thin out heartbeats. No member sees it.
        """
        if tracing.active is None:
            self.spread(group, message, self.codec.pack(GROUP, group, message, mark))
            return
        with tracing.active.group_send(group, message) as traced:
            self.spread(group, traced, self.codec.pack(GROUP, group, traced, mark))

    def send_stream(self, group: str, message: Content, append: Append) -> Position:
        """As send_group(), and append the message to the group's stream, in one round trip.

        The message has a text that is a JSON object; members get it with its position in the
        field that `append` names. Returns the position.
        """
        if tracing.active is None:
            entry = self.codec.pack_stream(group, message, append.key)
            position = self.spread(group, message, entry, append)
        else:
            with tracing.active.group_send(group, message) as traced:
                entry = self.codec.pack_stream(group, traced, append.key)
                position = self.spread(group, traced, entry, append)
        assert position is not None, "send_group.lua replies with a position"
        return position

    def spread(
        self, group: str, message: Content, entry: bytes, append: Append | None = None
    ) -> Position | None:
        """Send the message, packed as `entry`; returns its position with `append`."""
        assert self.valid_group_name(group), "Group name not valid"
        assert isinstance(message, dict), "message is not a dict"
        command = self.scripts.send_group(
            self.consistent_hash(group),
            group,
            entry,
            self.next_write(),
            # The script does not know capacities of single channels, other shards and
            # acknowledgements.
            leave_channels=(
                self.ring_size > 1
                or bool(self.channel_capacity)
                or bool(self.acknowledgements.patterns)
            ),
            writes=self.writes_key,
            global_counts=self.global_counts,
            capacity=self.capacity,
            channel_counts_expiry=self.channel_statistics_expiry,
            global_counts_expiry=self.global_statistics_expiry,
            max_process_bytes=self.budget.backlog,
            max_channel_bytes=self.budget.channel,
            append=append,
            max_stream_bytes=self.budget.channel,
        )
        full, left, position, dropped = self.run(command)
        if left:
            if append is not None and position is not None:
                message = with_position(message, append.key, position)
            try:
                self.send_many([(name, message) for name in left])
            except self.ChannelFull as refused:
                full += refused.args
        if full:
            self.drop("group_full", len(full))
            logger.warning("A message to group %s did not fit into %s", group, ", ".join(full))
        if dropped:
            self.drop("history_full", dropped)
            logger.warning("%d streams lost their histories: all take too much memory", dropped)
        return position

    def count(self, name: str, number: int = 1) -> None:
        """Count an event, where the process publishes metrics."""
        if self.metrics is not None:
            self.metrics.count(name, number)

    def observe(self, stage: str, seconds: float) -> None:
        """Count how long a stage has taken, where the process publishes metrics."""
        if self.metrics is not None:
            self.metrics.observe(stage, seconds)

    def drop(self, reason: str, number: int = 1) -> None:
        """Count messages that were lost."""
        if self.metrics is not None:
            self.metrics.drop(reason, number)

    def drop_expired(self, number: int, channel: str) -> None:
        """Count and log messages that were not read in time."""
        self.drop("expired", number)
        self.expired += number
        now = time.monotonic()
        if now - self.expired_logged >= LOG_EVERY:
            self.expired_logged = now
            logger.warning(
                "%d messages waited longer than %d s and were dropped, the last one on %s",
                self.expired,
                self.expiry,
                channel,
            )
            self.expired = 0

    # Statistics

    def on_each_shard(self, read: Callable[[redis.Redis], Result]) -> list[Result]:
        """What `read` returns for the client of each shard that answers.

        Raises redis.RedisError or OSError where none does.
        """
        results: list[Result] = []
        failure: Exception | None = None
        for shard in [shard for shard in self.ring if not shard.is_away] or self.ring:
            try:
                results.append(read(shard.client))
            except FAILURES as error:
                failure = error
        if failure is not None and not results:
            raise failure
        return results

    def global_statistics(self) -> dict[str, int]:
        """As asgi-redis, over the shards that answer."""
        found = self.on_each_shard(self.global_statistics_of)
        return {key: sum(each[key] for each in found) for key in found[0]}

    def global_statistics_of(self, client: redis.Redis) -> dict[str, int]:
        """The statistics of one shard."""
        found: dict[str, int] = self._count_global_stats([client])
        return found

    def channel_statistics(self, channel: str) -> ChannelStatistics:
        """As asgi-redis, over the shards that answer: the age is a whole number of seconds."""
        statistics = self.measure_channel(channel)
        statistics["messages_max_age"] = round(statistics["messages_max_age"])
        return statistics

    def measure_channel(self, channel: str) -> ChannelStatistics:
        """The statistics with the age as exact as it is known."""
        found = self.on_each_shard(lambda client: self.channel_statistics_of(client, channel))
        return ChannelStatistics(
            messages_count=sum(each["messages_count"] for each in found),
            messages_pending=sum(each["messages_pending"] for each in found),
            messages_max_age=max(each["messages_max_age"] for each in found),
            channel_full_count=sum(each["channel_full_count"] for each in found),
        )

    def channel_statistics_of(self, client: redis.Redis, channel: str) -> ChannelStatistics:
        """The statistics of one shard. The age of the oldest message is read from its entry."""
        counters = self.stats_prefix + channel
        with client.pipeline(transaction=False) as pipeline:
            pipeline.mget(f"{counters}:messages_count", f"{counters}:channel_full_count")
            pipeline.llen(self.prefix + channel)
            pipeline.lindex(self.prefix + channel, 0)
            pipeline.time()
            (count, full), pending, oldest, (seconds, microseconds) = pipeline.execute()
        age = max(0.0, seconds + microseconds / 1e6 - stamp(oldest)) if oldest else 0.0
        return ChannelStatistics(
            messages_count=int(count or 0),
            messages_pending=pending,
            messages_max_age=age,
            channel_full_count=int(full or 0),
        )


class RedisChannelLayer(Transport, asgi_redis.RedisChannelLayer):
    """Redis servers named by address; several are shards."""

    def __init__(
        self,
        acknowledged: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        memory_budget: int = DEFAULT,
        **config: Any,
    ) -> None:
        super().__init__(**config)
        self.prepare(acknowledged, attempts, memory_budget)


class RedisSentinelChannelLayer(Transport, asgi_redis.RedisSentinelChannelLayer):
    """Redis servers found through Sentinel; several services are shards.

    Each new connection requests the present master from the Sentinels.
    """

    def __init__(
        self,
        acknowledged: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        memory_budget: int = DEFAULT,
        connection_kwargs: dict[str, Any] | None = None,
        **config: Any,
    ) -> None:
        connection_kwargs = dict(connection_kwargs or {})
        # The same deadlines as for Redis itself, and one attempt for each Sentinel.
        sentinel_kwargs = DEADLINES | connection_kwargs.pop("sentinel_kwargs", {})
        self.clients: dict[int, redis.Redis] = {}
        super().__init__(
            connection_kwargs=connection_kwargs | {"sentinel_kwargs": sentinel_kwargs}, **config
        )
        self.prepare(acknowledged, attempts, memory_budget)

    def connection(self, index: int | None) -> redis.Redis:
        """The client of a shard; its pool looks the master up for every connection."""
        if index is None:
            index = self.random_index()
        if index not in self.clients:
            self.clients[index] = super().connection(index)
        return self.clients[index]
