"""What Redis stores about this process: its lease, its counters, the members of its groups."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from channels_realtime.interface.groups import Groups
from channels_realtime.interface.redis.link import Link, Lost
from channels_realtime.interface.takeover.state import DepartureState
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.scripts import Difference, HeartbeatReply
from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.registration")

BATCH_SIZE = 1000  # members per script call; Lua's unpack() fails at about 8,000

Gauges = Callable[[], dict[str, int]]


class Member(Protocol):
    """A connection that can be in groups."""

    reply_channel: str

    def __hash__(self) -> int: ...


class Departure(NamedTuple):
    """The part of a reply channel after the "!", and the groups that it has left for good."""

    name: str
    groups: Sequence[str]


class Registration:
    """Renews the lease of this process, and keeps its groups in Redis as they are here.

    Args:
        process: the name of this process: what its reply channels have in common, up to the "!".
        groups: of this process.
        links: to each shard, by its index.
    """

    def __init__(
        self,
        layer: Transport,
        process: str,
        groups: Groups[Member],
        links: Sequence[Link],
        metrics: Metrics,
    ) -> None:
        self.layer = layer
        self.process = process
        self.groups = groups
        self.links = links
        self.metrics = metrics
        self.suspects: dict[str, int] = {}  # group -> members that Redis held at the last check
        self.unforgotten: dict[int, list[Departure]] = {}  # shard -> what it has not processed
        self.repairs = 0  # how often Redis had lost members
        self.beats = 0

    # The lease

    def opened(self, link: Link, gauges: Gauges) -> None:
        """Redis is there, or there again: renew the lease before anything else."""
        self.renew(link, gauges)
        for departure in self.unforgotten.pop(link.shard.index, []):
            self.forget_on(link.shard.index, departure)

    def beat(self) -> None:
        """Called before each heartbeat. Every second one publishes the counters."""
        self.beats += 1

    def renew(self, link: Link, gauges: Gauges) -> None:
        """Renew the lease on one shard. `gauges`: what is published with the counters."""
        index, scripts = link.shard.index, self.layer.scripts

        def renewed(reply: HeartbeatReply | Exception) -> None:
            if isinstance(reply, Lost):
                return
            link.delay = time.monotonic() - sent_at
            if isinstance(reply, Exception):
                logger.error("%s refuses the heartbeat: %s", link.shard, reply)
                link.refused_since = link.refused_since or time.monotonic()
                return
            link.refused_since = None
            self.metrics.observe("redis_round_trip", link.delay)
            # Redis read its clock about halfway.
            link.shard.clock.set(reply.time + link.delay / 2)
            if reply.was_lost:
                self.register_all(link)
            for process in reply.dead:
                logger.warning("Interface server %s is dead; removing its members", process)
                link.run(log_refusal, scripts.remove_process(index, process))

        # Alternately: the counters and a check of what Redis holds of the groups; and a search
        # for dead processes, which senders skip in any case.
        search = self.beats % 2 == 1
        about, counters = "", ""
        if not search:
            self.verify(link)
            if index == self.layer.home(self.metrics.process):
                about = self.metrics.process
                counters = self.metrics.snapshot(**gauges())
        sent_at = time.monotonic()
        link.run(
            renewed,
            scripts.heartbeat(
                index, self.process, look_for_dead=search, reporter=about, counters=counters
            ),
        )

    def end(self) -> None:
        """Publish the counters for the last time and give up the lease."""
        farewell = self.metrics.farewell(self.layer)
        self.links[farewell.shard].run(log_refusal, farewell)
        for link in self.links:
            if link.is_open:
                command = self.layer.scripts.remove_process(
                    link.shard.index, self.process, dead_after=0
                )
                link.run(log_refusal, command)
                link.flush()

    # Members of groups

    def groups_on(self, link: Link) -> list[str]:
        """The groups of this process that are stored on the shard."""
        return [
            group
            for group in self.groups.members
            if self.layer.consistent_hash(group) == link.shard.index
        ]

    def names(self, group: str) -> list[str]:
        """The members of a group, by the part of their reply channels after the "!"."""
        members = self.groups.members.get(group, ())
        return [member.reply_channel.partition("!")[2] for member in members]

    def register_all(self, link: Link) -> None:
        """Store every group membership on a shard that has lost this process."""
        for group in self.groups_on(link):
            self.register(link, group)

    def register(self, link: Link, group: str, replace: bool = False) -> None:
        """Store the members of a group; with `replace`, remove all others."""
        self.repairs += 1
        names = self.names(group)
        for start in range(0, len(names), BATCH_SIZE):
            batch = names[start : start + BATCH_SIZE]
            link.run(
                log_refusal,
                self.layer.scripts.register(
                    link.shard.index, group, self.process, batch, replace and start == 0
                ),
            )

    def join(
        self, group: str, witness: str, members: Sequence[str], joined: Callable[[bool], None]
    ) -> None:
        """Store new members of a group, as long as Redis holds the group and its `witness`.

        Args:
            witness: the reply channel of a member.
            members: reply channels.
            joined: called with whether they are stored; false also where the reply was lost.
        """

        def replied(reply: bool | Exception) -> None:
            log_refusal(reply)
            joined(reply is True)

        index = self.layer.consistent_hash(group)
        local = [name.partition("!")[2] for name in (witness, *members)]
        command = self.layer.scripts.join(index, group, self.process, local[0], local[1:])
        self.links[index].run(replied, command)

    def verify(self, link: Link) -> None:
        """Compare the groups of this process with what the shard holds, and repair them.

        Redis may lose some keys without losing the process: by eviction, by a restored snapshot
        or by a failover that lost the last writes.
        """
        groups = self.groups_on(link)
        for start in range(0, len(groups), BATCH_SIZE):
            self.verify_batch(link, groups[start : start + BATCH_SIZE])

    def verify_batch(self, link: Link, batch: Sequence[str]) -> None:
        def verified(reply: list[Difference] | Exception) -> None:
            if isinstance(reply, Exception):
                log_refusal(reply)
                return
            differing = {difference.group: difference for difference in reply}
            for group in batch:
                suspected = self.suspects.pop(group, None) is not None
                if group in differing:
                    self.repair(link, differing[group], suspected)

        sizes = {group: len(self.groups.members[group]) for group in batch}
        link.run(verified, self.layer.scripts.verify(link.shard.index, self.process, sizes))

    def repair(self, link: Link, difference: Difference, suspected: bool) -> None:
        """Redis holds a group otherwise than this process.

        `suspected`: it did so at the last check too.
        """
        group = difference.group
        number = len(self.groups.members.get(group, ()))
        if not number:
            return
        if not difference.is_linked:
            logger.warning("Redis had lost group %s; its members are registered again", group)
            self.metrics.count("groups_repaired")
            self.register(link, group)
        elif suspected:
            # Not a join or leave that was on its way at the last check.
            logger.warning(
                "Redis held %d members of group %s instead of %d; they are registered again",
                difference.members,
                group,
                number,
            )
            self.metrics.count("groups_repaired")
            self.register(link, group, replace=True)
        else:
            self.suspects[group] = difference.members

    def forget(self, channel: str, groups: Collection[str]) -> None:
        """Remove a reply channel that has left these groups for good."""
        name = channel.partition("!")[2]
        by_shard: dict[int, list[str]] = {}
        for group in groups:
            by_shard.setdefault(self.layer.consistent_hash(group), []).append(group)
        for index, names in by_shard.items():
            self.forget_on(index, Departure(name, names))

    def forget_on(self, index: int, departure: Departure) -> None:
        def forgotten(reply: None | Exception) -> None:
            if isinstance(reply, Lost):
                # Redis may have kept its keys: repeat it once it is back.
                self.unforgotten.setdefault(index, []).append(departure)
            else:
                log_refusal(reply)

        command = self.layer.scripts.forget(index, self.process, departure.name, departure.groups)
        self.links[index].run(forgotten, command)

    # Between two processes: see channels_realtime.interface.takeover

    def export(self) -> list[DepartureState]:
        """What Redis has not removed from groups yet, for another process."""
        return [
            {"shard": index, "name": departure.name, "groups": list(departure.groups)}
            for index, departures in self.unforgotten.items()
            for departure in departures
        ]

    def restore(self, departures: Sequence[DepartureState], reporter: str) -> None:
        """Go on with what another process has exported, in its place.

        `reporter`: the name under which it has published its counters, which are ours now.
        """
        for item in departures:
            self.forget_on(item["shard"], Departure(item["name"], item["groups"]))
        key = self.layer.scripts.metrics_key
        self.links[self.layer.home(reporter)].command(log_refusal, "HDEL", key, reporter)


def log_refusal(reply: object) -> None:
    """Log an error reply to a command whose reply nothing else depends on."""
    if isinstance(reply, Exception) and not isinstance(reply, Lost):
        logger.error("Redis refuses a command: %s", reply)
