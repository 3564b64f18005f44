"""How the layer takes messages out of Redis: at once or waiting, at one shard or at several."""

import logging
import time
from collections import deque

from realtime.envelope import GROUP, MESSAGE, BadEnvelope, stamp
from realtime.waiting import Waiting

logger = logging.getLogger("realtime.layer")


class Receiving:
    """The half of realtime.layer.Transport that receives."""

    def receive(self, channels, block=False):
        """The next message of one of the channels as (channel, message), or (None, None).

        With `block` it waits up to `blpop_timeout` seconds. Channels take turns at being first.
        """
        channels = list(channels)
        for channel in channels:
            assert self.valid_channel_name(channel, receive=True), "Channel name invalid"
            if waiting := self.expanded.get(channel):
                return waiting.popleft()
        if not channels:
            return None, None
        lists = self.lists(channels)
        while entry := self.pop_blocking(channels, lists) if block else self.pop_now(lists):
            if found := self.open_entry(*entry):
                return found
        return None, None

    def receive_many(self, channels, block=False):
        """The name that Channels 1.x calls; the base class warns on every call of it."""
        return self.receive(channels, block)

    def send_and_wait(self, scripts, channels):
        """Run (shard, script) pairs and begin to wait as receive() does, in one round trip.

        Returns the answers. The next receive() must be for the same channels and with `block`.
        """
        if self.ring_size > 1:
            return self.run_many(scripts)
        connection = self.shard(0)
        wanted = [script for _, script in scripts]
        answers = connection.pipeline_and_pop(wanted, self.lists(channels), self.blpop_timeout)
        if 0 in answers:
            # A channel was full; the caller wants to try again before it waits.
            self.connection(0).client_unblock(connection.client_id)
            self.local.early = connection.end_pop()
        return answers

    def lists(self, channels):
        """The channels' lists, another one first each time."""
        turn = self.local.__dict__.get("turn", 0) % len(channels)
        self.local.turn = turn + 1
        return [self.prefix + channel for channel in channels[turn:] + channels[:turn]]

    def pop_now(self, lists):
        """(list, entry) of the first shard that has one, beginning with another one each time."""
        first = next(self._receive_index_generator)
        for step in range(self.ring_size):
            shard = self.shard((first + step) % self.ring_size)
            if answer := shard.run("receive", lists, [self.expiry]):
                return answer
        return None

    def pop_blocking(self, channels, lists):
        """(list, entry), or None after `blpop_timeout` seconds."""
        if answer := self.local.__dict__.pop("early", None):
            return answer
        deadline = time.monotonic() + self.blpop_timeout
        while (left := deadline - time.monotonic()) > 0:
            if self.ring_size == 1:
                connection = self.shard(0)
                if not connection.popping:  # send_and_wait() may have begun
                    connection.begin_pop(lists, self.blpop_timeout)
                answer = connection.end_pop()
            elif answer := self.waiting(channels, lists).pop(max(1, int(left))):
                connection, *answer = answer
            if not answer:
                return None
            if entry := self.fresh(connection, answer):
                return entry
        return None

    def fresh(self, connection, answer):
        """The answer of a BLPOP, unless it is none or its entry has expired."""
        if answer and stamp(answer[1]) <= connection.now() - self.expiry:
            self.drop("expired")
            return None
        return answer

    def waiting(self, channels, lists):
        """This thread's wait at all shards for these channels."""
        waits = self.local.__dict__.setdefault("waits", {})
        key = frozenset(channels)
        if key not in waits:
            connections = [self.connect(index) for index in range(self.ring_size)]
            waits[key] = Waiting(connections, lists)
        return waits[key]

    def leftover(self):
        """(channel, message) pairs that this thread's waits brought after the last receive().

        A thread that stops receiving must ask; see realtime.waiting.
        """
        for waiting in self.local.__dict__.get("waits", {}).values():
            self.interrupt()
            for _, name, entry in waiting.leftover():
                if found := self.open_entry(name, entry):
                    yield found

    def interrupt(self):
        """End every blocked receive() of this process early. A message it has is not lost."""
        for index, connection in list(self.opened):
            if connection.popping:
                self.connection(index).client_unblock(connection.client_id)

    def open_entry(self, name, entry):
        """(channel, message) of a list's entry, or None where it holds none for this process."""
        name = name.decode()[len(self.prefix) :]
        try:
            kind, channel, content = self.codec.unpack(entry)
        except BadEnvelope as reason:
            self.drop("unreadable")
            logger.error("Dropped an entry of %s that cannot be read: %s", name, reason)
            return None
        if kind == MESSAGE:
            return channel or name, content
        if kind != GROUP:
            return None
        if not name.endswith("!"):
            return name, content
        # A process that does not know its members: one message for each.
        waiting = self.expanded.setdefault(name, deque())
        waiting.extend((m, content) for m in self.group_channels(channel) if m.startswith(name))
        return waiting.popleft() if waiting else None
