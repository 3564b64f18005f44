"""The channel layer: messages and groups through one or several Redis servers.

It keeps asgi-redis's interface, settings and channel semantics. What is new:

* A message travels in the list entry itself, so sending and receiving are one round trip each.
* A group remembers which *processes* hold its process-local members. Sending to it puts one entry
  into each process's list. An interface server of ours (its channels begin with PROCESS) spreads
  it over its sockets; for any other process `receive` hands out one message a member.
* Nothing is dropped in silence: what did not fit is counted and logged.

Each script in layer/lua says what it does to which keys.
"""

import itertools
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from channels_realtime import compat
from channels_realtime.layer import handling

compat.install()

import asgi_redis  # noqa: E402
import redis  # noqa: E402
from asgi_redis.core import BaseRedisChannelLayer  # noqa: E402

from channels_realtime.layer.acknowledgements import ATTEMPTS, Acknowledgements  # noqa: E402
from channels_realtime.layer.commands import Command  # noqa: E402
from channels_realtime.layer.connection import Connection  # noqa: E402
from channels_realtime.layer.envelope import ACKNOWLEDGED, GROUP, JOIN, LEAVE, MESSAGE, Codec, stamp  # noqa: E402
from channels_realtime.layer.handling import PROCESS  # noqa: E402
from channels_realtime.layer.receiving import Receiving  # noqa: E402
from channels_realtime.layer.shard import DEADLINES, FAILURES, Shard  # noqa: E402
from channels_realtime.memory_budget import DEFAULT, Budget  # noqa: E402

if TYPE_CHECKING:
    from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.layer")

PROCESS_CAPACITY = 10_000  # entries: what waits for one interface server that is stuck
HEARTBEAT = 1.5  # s: Redis losing its keys is noticed within 2 s
DEAD_AFTER = 12.0  # s without heartbeat; with the next one's check, gone within 15 s
WRITES = 256  # the last writes of a process by which Redis recognises one that is sent again
LOG_EVERY = 10.0  # s between two log lines about expired messages

Result = TypeVar("Result")


class Transport(Receiving, BaseRedisChannelLayer):
    """What is the same whether Redis is named by address or found through Sentinel."""

    extensions = ["groups", "flush", "statistics"]
    blpop_timeout = 3  # s that a receive() waits; fewer than shard.ANSWER_WITHIN
    metrics: "Metrics | None" = None  # where to count drops; the worker sets it

    def prepare(self, acknowledged: Iterable[str], attempts: int, memory_budget: int) -> None:
        """Called once the hosts are known. Arguments: see Acknowledgements, and Budget."""
        self.budget = Budget.of(memory_budget)
        self.codec = Codec(self.crypter)
        self.local = threading.local()
        self.ring = [Shard(index, self.connection(index)) for index in range(self.ring_size)]
        self.opened: list[Connection] = []  # of all threads
        self.valid_names: set[str] = set()  # those of routing.py: checked once, not per message
        self.expanded: dict[str, deque] = {}
        self.processes_key = f"{self.prefix}:processes"
        self.global_count_key = f"{self.stats_prefix}{self.global_stats_key}:messages_count"
        self.global_full_key = f"{self.stats_prefix}{self.global_stats_key}:channel_full_count"
        self.writer = secrets.token_hex(8)
        self.writes_key = f"{self.prefix}:writes:{self.writer}"
        self.writes = itertools.count(1)
        self.acknowledgements = Acknowledgements(self, acknowledged, attempts)
        self.expired = 0  # messages since the last log line about them
        self.expired_logged = float("-inf")

    # Where things are

    def shard(self, index: int) -> Connection:
        """This thread's connection to a shard."""
        connections = self.local.__dict__.setdefault("connections", {})
        if index not in connections:
            connections[index] = self.connect(index)
        return connections[index]

    def connect(self, index: int) -> Connection:
        """A new connection to a shard, which interrupt() can reach."""
        connection = Connection(self.ring[index])
        self.opened.append(connection)
        return connection

    def shard_of(self, channel: str) -> int:
        """Where a message for the channel goes: by its name if only one process reads it."""
        if "!" in channel:
            return self.home(self.non_local_name(channel))
        if "?" in channel:
            return self.home(channel)
        for _ in range(self.ring_size):
            index = next(self._send_index_generator)
            if not self.ring[index].is_away:
                break
        return index

    def home(self, name: str) -> int:
        """The shard of a name whose readers read all shards: while its own is away, the next.

        A group has no such choice. It stays on the shard of consistent_hash().
        """
        first = self.consistent_hash(name)
        for step in range(self.ring_size):
            index = (first + step) % self.ring_size
            if not self.ring[index].is_away:
                return index
        return first

    def group_keys(self, group: str) -> tuple[str, str]:
        return (f"{self.prefix}:group:{group}", self.processes_key)

    def next_write(self) -> tuple[int, int]:
        """(slot, number) of a write that must not be done twice."""
        number = next(self.writes)
        return number % WRITES, number

    # Messages

    def send(self, channel, message):
        """Append the message to the channel. Raises ChannelFull."""
        self.send_many([(channel, message)])

    def send_many(self, messages: Sequence[tuple[str, dict]]) -> None:
        """Send (channel, message) pairs, those of one shard in one round trip and in order.

        Raises ChannelFull with the channels that were full as its arguments; the others are sent.
        """
        for channel, _ in messages:
            handling.said(channel)
        replies = self.run_many([self.send_command(*pair) for pair in messages])
        full = [pair[0] for pair, sent in zip(messages, replies, strict=True) if not sent]
        if full:
            raise self.ChannelFull(*full)

    def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """Run the commands, those of a shard in order and in one round trip; their replies."""
        if len(commands) == 1:
            return self.shard(commands[0].shard).pipeline(commands)
        replies: list[Any] = [None] * len(commands)
        for index in {command.shard for command in commands}:
            places = [place for place, c in enumerate(commands) if c.shard == index]
            found = self.shard(index).pipeline([commands[place] for place in places])
            for place, reply in zip(places, found, strict=True):
                replies[place] = reply
        return replies

    def send_command(self, channel: str, message: dict, shard: int | None = None) -> Command:
        """The command that sends the message; its reply is 1, or 0 where the channel is full."""
        assert isinstance(message, dict), "message is not a dict"
        name, process = channel, ""
        if "!" in channel:
            name = process = self.non_local_name(channel)
            assert self.valid_channel_name(channel), "Channel name not valid"
        elif channel not in self.valid_names:
            assert self.valid_channel_name(channel), "Channel name not valid"
            if "?" not in channel:  # those are as many as there are conversations
                self.valid_names.add(channel)
        write = self.next_write()
        if self.acknowledgements.include(channel):
            identity = f"{self.writer}:{write[1]}"
            entry = self.codec.pack(ACKNOWLEDGED, identity, message)
        else:
            identity = ""
            entry = self.codec.pack(MESSAGE, channel if process else None, message)
        counters = self.stats_prefix + name
        return Command(
            self.shard_of(channel) if shard is None else shard,
            "send",
            (
                self.prefix + name,
                self.processes_key,
                f"{counters}:messages_count",
                self.global_count_key,
                f"{counters}:channel_full_count",
                self.global_full_key,
                self.writes_key,
                self.acknowledgements.key(channel),
            ),
            (
                entry,
                self.expiry,
                self.get_capacity(name),
                process,
                PROCESS_CAPACITY,
                self.channel_statistics_expiry,
                self.global_statistics_expiry,
                *write,
                identity,
                self.budget.backlog if process else self.budget.channel,
            ),
        )

    # Groups

    def group_add(self, group, channel):
        """Add the channel; it stays as long as its process lives, or for `group_expiry` s."""
        keys, arguments = self.membership(JOIN, group, channel)
        arguments += (self.group_expiry, self.expiry, int(channel.startswith(PROCESS)), DEAD_AFTER)
        self.shard(self.consistent_hash(group)).run("group_add", keys, arguments)

    def group_discard(self, group, channel):
        """Remove the channel if it is in the group."""
        if handling.is_gone(channel):
            return  # its interface server took it out before it said so
        keys, arguments = self.membership(LEAVE, group, channel)
        arguments += (self.expiry, int(channel.startswith(PROCESS)))
        self.shard(self.consistent_hash(group)).run("group_discard", keys, arguments)

    def membership(self, kind, group, channel):
        """The keys and arguments that group_add and group_discard have in common."""
        assert self.valid_group_name(group), "Group name not valid"
        assert self.valid_channel_name(channel), "Channel name not valid"
        process, _, local = channel.rpartition("!")
        process += "!" if process else ""
        entry = self.codec.pack(kind, group, channel)
        return self.group_keys(group), (self.prefix, group, channel, process, local, entry)

    def group_channels(self, group):
        """The channels of the group, without those of dead processes."""
        return [name.decode() for name in self.members(group, count_only=0)]

    def group_size(self, group) -> int:
        """How many channels are in the group; costs one step a process, not a channel."""
        return self.members(group, count_only=1)

    def members(self, group, count_only):
        return self.shard(self.consistent_hash(group)).run(
            "group_members",
            self.group_keys(group),
            (self.prefix, group, self.group_expiry, DEAD_AFTER, count_only),
        )

    def send_group(self, group, message):
        """Send the message to every member of the group. Never raises ChannelFull."""
        assert self.valid_group_name(group), "Group name not valid"
        assert isinstance(message, dict), "message is not a dict"
        # Capacities of their own, other shards and acknowledgements are known here, not in the
        # script.
        leave_ordinary = (
            self.ring_size > 1
            or bool(self.channel_capacity)
            or bool(self.acknowledgements.patterns)
        )
        full, left = self.shard(self.consistent_hash(group)).run(
            "send_group",
            (
                *self.group_keys(group),
                self.global_count_key,
                self.global_full_key,
                self.writes_key,
            ),
            (
                self.prefix,
                self.codec.pack(GROUP, group, message),
                self.expiry,
                self.group_expiry,
                self.capacity,
                PROCESS_CAPACITY,
                DEAD_AFTER,
                int(leave_ordinary),
                self.stats_prefix,
                self.channel_statistics_expiry,
                self.global_statistics_expiry,
                *self.next_write(),
                self.budget.backlog,
                self.budget.channel,
            ),
        )
        full = [name.decode() for name in full]
        if left:
            try:
                self.send_many([(name.decode(), message) for name in left])
            except self.ChannelFull as refused:
                full += refused.args
        if full:
            self.drop("group_full", len(full))
            logger.warning("A message to group %s did not fit into %s", group, ", ".join(full))

    def count(self, name: str, number: int = 1) -> None:
        """Count what happened, if somebody wants to know."""
        if self.metrics is not None:
            self.metrics.count(name, number)

    def drop(self, reason: str, number: int = 1) -> None:
        """Count messages that were lost."""
        if self.metrics is not None:
            self.metrics.drop(reason, number)

    def drop_expired(self, number: int, channel: str) -> None:
        """Count and log messages that nobody read in time."""
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
        results, failure = [], None
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
        return add_up(self.on_each_shard(lambda client: self._count_global_stats([client])))

    def channel_statistics(self, channel: str) -> dict[str, float]:
        """As asgi-redis, over the shards that answer; see its documentation for the keys."""
        found = self.on_each_shard(lambda client: self.channel_statistics_of(client, channel))
        oldest = max(statistics[self.STAT_MESSAGES_MAX_AGE] for statistics in found)
        return add_up(found) | {self.STAT_MESSAGES_MAX_AGE: oldest}

    def channel_statistics_of(self, client: redis.Redis, channel: str) -> dict[str, float]:
        """The statistics of one shard. The age of the oldest message is read from its entry."""
        counters = self.stats_prefix + channel
        with client.pipeline(transaction=False) as pipeline:
            pipeline.mget(f"{counters}:messages_count", f"{counters}:channel_full_count")
            pipeline.llen(self.prefix + channel)
            pipeline.lindex(self.prefix + channel, 0)
            pipeline.time()
            (count, full), pending, oldest, (seconds, microseconds) = pipeline.execute()
        return {
            self.STAT_MESSAGES_COUNT: int(count or 0),
            self.STAT_MESSAGES_PENDING: pending,
            self.STAT_MESSAGES_MAX_AGE: max(0, seconds + microseconds / 1e6 - stamp(oldest))
            if oldest
            else 0,
            self.STAT_CHANNEL_FULL: int(full or 0),
        }


def add_up(statistics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sum under each key."""
    return {key: sum(each[key] for each in statistics) for key in statistics[0]}


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

    Each new connection asks the Sentinels for the present master.
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
        # The Sentinels are asked with the same deadlines as Redis itself, each of them once.
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
