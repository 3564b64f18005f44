"""The channel layer: messages and groups through one or several Redis servers.

It keeps asgi-redis's interface, settings and channel semantics. What is new:

* A message travels in the list entry itself, so sending and receiving are one round trip each.
* A group remembers which *processes* hold its process-local members. Sending to it puts one entry
  into each process's list. An interface server of ours (its channels begin with PROCESS) spreads
  it over its sockets; for any other process `receive` hands out one message a member.
* Nothing is dropped in silence: what did not fit is counted and logged.

Each script in realtime/lua says what it does to which keys.
"""

import logging
import threading

from realtime import compat, handling

compat.install()

import asgi_redis  # noqa: E402
from asgi_redis.core import BaseRedisChannelLayer  # noqa: E402

from realtime.connection import Connection  # noqa: E402
from realtime.envelope import GROUP, JOIN, LEAVE, MESSAGE, Codec, stamp  # noqa: E402
from realtime.handling import PROCESS  # noqa: E402
from realtime.receiving import Receiving  # noqa: E402

logger = logging.getLogger("realtime.layer")

PROCESS_CAPACITY = 10_000  # entries: what waits for one interface server that is stuck
HEARTBEAT = 1.5  # s: Redis losing its keys is noticed within 2 s
DEAD_AFTER = 12.0  # s without heartbeat; with the next one's check, gone within 15 s


class Transport(Receiving, BaseRedisChannelLayer):
    """What is the same whether Redis is named by address or found through Sentinel."""

    extensions = ["groups", "flush", "statistics"]
    metrics = None  # where to count drops; the worker sets it

    def prepare(self):
        """Called once the hosts are known."""
        self.codec = Codec(self.crypter)
        self.local = threading.local()
        self.opened = []  # (shard, connection) of all threads
        self.valid_names = set()  # those of routing.py: checked once, not a message
        self.expanded = {}
        self.processes_key = f"{self.prefix}:processes"
        self.global_count_key = f"{self.stats_prefix}{self.global_stats_key}:messages_count"
        self.global_full_key = f"{self.stats_prefix}{self.global_stats_key}:channel_full_count"

    # Where things are

    def shard(self, index) -> Connection:
        """This thread's connection to a shard."""
        connections = self.local.__dict__.setdefault("connections", {})
        if index not in connections:
            connections[index] = self.connect(index)
        return connections[index]

    def connect(self, index) -> Connection:
        """A connection to a shard, known to interrupt()."""
        connection = Connection(self.connection(index).connection_pool)
        self.opened.append((index, connection))
        return connection

    def shard_of(self, channel) -> int:
        """Where a message for the channel goes: by its name if only one process reads it."""
        if "!" in channel:
            return self.consistent_hash(self.non_local_name(channel))
        if "?" in channel:
            return self.consistent_hash(channel)
        return next(self._send_index_generator)

    def group_keys(self, group):
        return (f"{self.prefix}:group:{group}", self.processes_key)

    # Messages

    def send(self, channel, message):
        """Append the message to the channel. Raises ChannelFull."""
        self.send_many([(channel, message)])

    def send_many(self, messages):
        """Send (channel, message) pairs, those of one shard in one round trip and in order.

        Raises ChannelFull with the channels that were full as its arguments; the others are sent.
        """
        for channel, _ in messages:
            handling.said(channel)
        scripts = [(self.shard_of(pair[0]), self.send_script(*pair)) for pair in messages]
        answers = self.run_many(scripts)
        full = [pair[0] for pair, sent in zip(messages, answers, strict=True) if not sent]
        if full:
            raise self.ChannelFull(*full)

    def run_many(self, scripts):
        """Run (shard, script) pairs, those of a shard in order and in one round trip; answers."""
        if len(scripts) == 1:
            [(index, script)] = scripts
            return self.shard(index).pipeline([script])
        answers = [None] * len(scripts)
        for index in {index for index, _ in scripts}:
            places = [place for place, pair in enumerate(scripts) if pair[0] == index]
            found = self.shard(index).pipeline([scripts[place][1] for place in places])
            for place, answer in zip(places, found, strict=True):
                answers[place] = answer
        return answers

    def send_script(self, channel, message):
        """The script, keys and arguments that send the message."""
        assert isinstance(message, dict), "message is not a dict"
        name, process = channel, ""
        if "!" in channel:
            name = process = self.non_local_name(channel)
            assert self.valid_channel_name(channel), "Channel name not valid"
        elif channel not in self.valid_names:
            assert self.valid_channel_name(channel), "Channel name not valid"
            if "?" not in channel:  # those are as many as there are conversations
                self.valid_names.add(channel)
        entry = self.codec.pack(MESSAGE, channel if process else None, message)
        counters = self.stats_prefix + name
        return (
            "send",
            (
                self.prefix + name,
                self.processes_key,
                f"{counters}:messages_count",
                self.global_count_key,
                f"{counters}:channel_full_count",
                self.global_full_key,
            ),
            (
                entry,
                self.expiry,
                self.get_capacity(name),
                process,
                PROCESS_CAPACITY,
                self.channel_statistics_expiry,
                self.global_statistics_expiry,
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
        # Capacities of their own and other shards are known here, not in the script.
        leave_ordinary = self.ring_size > 1 or bool(self.channel_capacity)
        full, left = self.shard(self.consistent_hash(group)).run(
            "send_group",
            (*self.group_keys(group), self.global_count_key, self.global_full_key),
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

    def drop(self, reason, number=1):
        """Count messages that were lost."""
        if self.metrics is not None:
            self.metrics.drop(reason, number)

    # Statistics

    def _count_channel_stats(self, channel, connections):
        """As asgi-redis, but the age of the oldest message is read from its entry."""
        statistics = {
            self.STAT_MESSAGES_COUNT: 0,
            self.STAT_MESSAGES_PENDING: 0,
            self.STAT_MESSAGES_MAX_AGE: 0,
            self.STAT_CHANNEL_FULL: 0,
        }
        counters = self.stats_prefix + channel
        for connection in connections:
            with connection.pipeline(transaction=False) as pipeline:
                pipeline.mget(f"{counters}:messages_count", f"{counters}:channel_full_count")
                pipeline.llen(self.prefix + channel)
                pipeline.lindex(self.prefix + channel, 0)
                pipeline.time()
                (count, full), pending, oldest, (seconds, microseconds) = pipeline.execute()
            statistics[self.STAT_MESSAGES_COUNT] += int(count or 0)
            statistics[self.STAT_CHANNEL_FULL] += int(full or 0)
            statistics[self.STAT_MESSAGES_PENDING] += pending
            if oldest:
                age = seconds + microseconds / 1e6 - stamp(oldest)
                statistics[self.STAT_MESSAGES_MAX_AGE] = max(
                    statistics[self.STAT_MESSAGES_MAX_AGE], age
                )
        return statistics


class RedisChannelLayer(Transport, asgi_redis.RedisChannelLayer):
    """Redis servers named by address; several are shards."""

    def __init__(self, **config):
        super().__init__(**config)
        self.prepare()


class RedisSentinelChannelLayer(Transport, asgi_redis.RedisSentinelChannelLayer):
    """Redis servers found through Sentinel; several services are shards."""

    def __init__(self, connection_kwargs=None, **config):
        # As compat.outwait_blpop does where Redis is named by address.
        patience = {"socket_timeout": 2 * self.blpop_timeout}
        super().__init__(connection_kwargs=patience | (connection_kwargs or {}), **config)
        self.prepare()
