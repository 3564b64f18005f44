"""The scripts of layer/lua: their arguments by name, and their replies as types.

Each file of layer/lua says what it does to which keys. The order of its KEYS and ARGV appears in
that file and in the method of Scripts with its name, and nowhere else.
"""

import enum
import itertools
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from channels_realtime.layer.commands import Command, Value
from channels_realtime.layer.envelope import Position

PROCESS_CAPACITY = 10_000  # entries: what waits for one interface server that is stuck
DEAD_AFTER = 12.0  # s without heartbeat; with the next one's check, gone within 15 s


class SendReply(enum.Enum):
    """Whether a channel took a message."""

    SENT = 1
    FULL = 0


class Write(NamedTuple):
    """A number by which Redis recognises a write of this process that is sent again.

    Redis stores the last number of each slot.
    """

    slot: int
    number: int


class SendTarget(NamedTuple):
    """A channel as send.lua sees it: the same for every message to the channel."""

    keys: tuple[str, ...]
    limits: tuple[Value, ...]
    is_acknowledged: bool


class GroupReply(NamedTuple):
    """What became of a message to a group.

    Args:
        full: the channels whose lists were full.
        left: members that the caller must send to.
        position: of the message in its stream; None without an Append.
        dropped: streams whose histories were dropped because all of them took too much.
    """

    full: list[str]
    left: list[str]
    position: Position | None
    dropped: int


class Append(NamedTuple):
    """Makes a message to a group one of the group's stream.

    Args:
        size: messages that the history holds.
        age: s for which it holds each.
        key: the field of the message's text that gets the position; None for no field.
        remove: the position of a message whose content is removed from the history.
    """

    size: int
    age: int
    key: str | None
    remove: Position | None


class StreamReply(NamedTuple):
    """What a stream holds. `entries` are in order from `first` on, each its place after the last.

    `offset` is that of the last message. `epoch` is empty where the stream does not exist.
    """

    epoch: str
    offset: int
    recovered: bool
    first: int
    entries: list[bytes]


class ReceiveReply(NamedTuple):
    """`expired`: entries that were dropped. `list` and `entry` are None where nothing waits."""

    expired: int
    list: bytes | None
    entry: bytes | None


class HeartbeatReply(NamedTuple):
    """`was_lost`: Redis did not hold the process. `time`: seconds after the epoch, by Redis."""

    was_lost: bool
    dead: list[str]
    time: float


class Difference(NamedTuple):
    """A group of which Redis holds something else than its process.

    `members`: how many it holds. `is_linked`: whether messages to the group reach the process.
    """

    group: str
    members: int
    is_linked: bool


class Redelivery(NamedTuple):
    """How many messages of dead workers went back to their channels, and became dead letters."""

    returned: int
    given_up: int


def parse_send(reply: int) -> SendReply:
    return SendReply.SENT if reply == 1 else SendReply.FULL


def parse_nothing(reply: object) -> None:
    return None


def parse_flag(reply: int) -> bool:
    return reply == 1


def parse_bytes(reply: bytes | None) -> bytes | None:
    return reply


def parse_names(reply: Sequence[bytes]) -> list[str]:
    return [name.decode() for name in reply]


def parse_sizes(reply: Sequence[Any]) -> dict[str, int]:
    names = parse_names(reply[::2])
    return dict(zip(names, reply[1::2], strict=True))


def parse_group(reply: Sequence[Any]) -> GroupReply:
    full, left, place, dropped = reply
    position = Position.parse(place.decode()) if place else None
    return GroupReply(parse_names(full), parse_names(left), position, dropped)


def parse_stream(reply: Sequence[Any]) -> StreamReply:
    epoch, offset, recovered, first, entries = reply
    return StreamReply(epoch.decode(), offset, recovered == 1, first, entries)


def parse_receive(reply: Sequence[Any]) -> ReceiveReply:
    return ReceiveReply(*reply) if len(reply) == 3 else ReceiveReply(reply[0], None, None)


def parse_heartbeat(reply: Sequence[Any]) -> HeartbeatReply:
    was_lost, dead, whole, micro = reply
    return HeartbeatReply(was_lost == 1, parse_names(dead), int(whole) + int(micro) / 1e6)


def parse_verify(reply: Sequence[Sequence[Any]]) -> list[Difference]:
    return [Difference(name.decode(), found, linked == 1) for name, found, linked in reply]


def parse_memberships(reply: Sequence[Sequence[Any]]) -> dict[str, list[str]]:
    return {group.decode(): parse_names(names) for group, names in reply}


def parse_redeliver(reply: Sequence[int]) -> Redelivery:
    return Redelivery(*reply)


class Scripts:
    """Makes the commands of one layer. Times are in seconds, sizes in bytes.

    `process`: a name that ends in "!"; a member of a group that belongs to it is named by what
    stands behind the "!". An `entry` is an envelope as the layer's codec packs it.

    Args:
        prefix: of the keys.
        stats_prefix: of the keys of asgi-redis's statistics.
        expiry: how long a message may wait.
        group_expiry: how long a channel stays in a group, unless its process renews its lease.
    """

    def __init__(self, prefix: str, stats_prefix: str, expiry: int, group_expiry: int) -> None:
        self.prefix = prefix
        self.stats_prefix = stats_prefix
        self.expiry = expiry
        self.group_expiry = group_expiry
        self.processes = f"{prefix}:processes"
        self.metrics_key = f"{prefix}:metrics"

    def group_key(self, group: str) -> str:
        return f"{self.prefix}:group:{group}"

    def stream_key(self, group: str) -> str:
        return f"{self.prefix}:stream:{group}"

    # Messages

    def send_target(
        self,
        name: str,
        *,
        process: str,
        is_acknowledged: bool,
        writes: str,
        global_counts: str,
        capacity: int,
        max_bytes: int,
        channel_counts_expiry: int,
        global_counts_expiry: int,
    ) -> SendTarget:
        """What send() needs of a channel.

        Args:
            name: the channel; of a process-local channel, its process.
            process: the process of a process-local channel, else empty.
            is_acknowledged: whether its messages stay until a consumer has finished.
            writes: the key of this process's writes.
            global_counts: how the keys of the layer's statistics begin.
            capacity: messages.
            max_bytes: of the list.
        """
        counts = self.stats_prefix + name
        return SendTarget(
            keys=(
                self.prefix + name,
                self.processes,
                f"{counts}:messages_count",
                f"{global_counts}:messages_count",
                f"{counts}:channel_full_count",
                f"{global_counts}:channel_full_count",
                writes,
                f"{self.prefix}:unacknowledged:{name}",
            ),
            limits=(
                self.expiry,
                capacity,
                process,
                PROCESS_CAPACITY,
                channel_counts_expiry,
                global_counts_expiry,
                max_bytes,
            ),
            is_acknowledged=is_acknowledged,
        )

    @staticmethod
    def send(
        shard: int, target: SendTarget, entry: bytes, write: Write, identity: str = ""
    ) -> Command[SendReply]:
        """Append the entry. `identity`: that of an acknowledged message."""
        slot, number = write
        arguments = (entry, slot, number, identity, *target.limits)
        return Command(shard, "send", target.keys, arguments, parse_send)

    def receive(self, shard: int, lists: Sequence[str]) -> Command[ReceiveReply]:
        return Command(shard, "receive", tuple(lists), (self.expiry,), parse_receive)

    def put_back(self, shard: int, list_: str, entry: bytes, stays: bool) -> Command[None]:
        """Return an entry to the front of its list. `stays`: the list has no expiry."""
        arguments = (entry, 0 if stays else self.expiry)
        return Command(shard, "put_back", (list_,), arguments, parse_nothing)

    def announce_loss(self, shard: int, entry: bytes) -> Command[None]:
        """Append the entry for every interface server. It may be done twice."""
        arguments = (self.prefix, entry, DEAD_AFTER, PROCESS_CAPACITY)
        return Command(shard, "announce_loss", (self.processes,), arguments, parse_nothing)

    # Groups

    def group_add(
        self, shard: int, group: str, channel: str, entry: bytes, keeps_groups: bool
    ) -> Command[None]:
        """`keeps_groups`: the channel's process is an interface server of ours."""
        process, local = split(channel)
        keys = (self.group_key(group), self.processes)
        arguments = (
            *(self.prefix, group, channel, process, local, entry),
            *(self.group_expiry, self.expiry, int(keeps_groups), DEAD_AFTER),
        )
        return Command(shard, "group_add", keys, arguments, parse_nothing)

    def group_discard(
        self, shard: int, group: str, channel: str, entry: bytes, keeps_groups: bool
    ) -> Command[None]:
        """`keeps_groups`: as in group_add()."""
        process, local = split(channel)
        keys = (self.group_key(group), self.processes)
        arguments = (
            *(self.prefix, group, channel, process, local, entry),
            *(self.expiry, int(keeps_groups)),
        )
        return Command(shard, "group_discard", keys, arguments, parse_nothing)

    def group_members(self, shard: int, group: str) -> Command[list[str]]:
        keys, arguments = self._members_of(group, count_only=False)
        return Command(shard, "group_members", keys, arguments, parse_names)

    def group_sizes(self, shard: int, group: str) -> Command[dict[str, int]]:
        """process -> number of members; "" for members without a process."""
        keys, arguments = self._members_of(group, count_only=True)
        return Command(shard, "group_members", keys, arguments, parse_sizes)

    def _members_of(
        self, group: str, count_only: bool
    ) -> tuple[tuple[str, ...], tuple[Value, ...]]:
        keys = (self.group_key(group), self.processes)
        return keys, (self.prefix, group, self.group_expiry, DEAD_AFTER, int(count_only))

    def send_group(
        self,
        shard: int,
        group: str,
        entry: bytes,
        write: Write,
        *,
        leave_channels: bool,
        writes: str,
        global_counts: str,
        capacity: int,
        channel_counts_expiry: int,
        global_counts_expiry: int,
        max_process_bytes: int,
        max_channel_bytes: int,
        append: Append | None = None,
        max_stream_bytes: int = 0,
    ) -> Command[GroupReply]:
        """`leave_channels`: leave members that belong to no process to the caller.

        `append`: the message is one of the group's stream; `max_stream_bytes` bounds all streams of
        the shard. The other arguments are those of send_target().
        """
        keys: tuple[str, ...] = (
            self.group_key(group),
            self.processes,
            f"{global_counts}:messages_count",
            f"{global_counts}:channel_full_count",
            writes,
        )
        arguments: tuple[Value, ...] = (
            self.prefix,
            entry,
            self.expiry,
            self.group_expiry,
            capacity,
            PROCESS_CAPACITY,
            DEAD_AFTER,
            int(leave_channels),
            self.stats_prefix,
            channel_counts_expiry,
            global_counts_expiry,
            *write,
            max_process_bytes,
            max_channel_bytes,
        )
        if append is not None:
            keys += (
                self.stream_key(group),
                f"{self.prefix}:streams",
                f"{self.prefix}:stream-bytes",
            )
            remove = append.remove or Position("", 0)
            arguments += (append.size, append.age, new_epoch(), max_stream_bytes, *remove)
        return Command(shard, "send_group", keys, arguments, parse_group)

    def stream_read(
        self, shard: int, group: str, age: int, since: Position | None
    ) -> Command[StreamReply]:
        """What the group's stream holds of the last `age` s; with `since` what came after it."""
        arguments = (age, new_epoch(), *(since or Position("", 0)))
        return Command(shard, "stream_read", (self.stream_key(group),), arguments, parse_stream)

    # Interface servers

    def heartbeat(
        self,
        shard: int,
        process: str,
        *,
        look_for_dead: bool,
        reporter: str = "",
        counters: str = "",
        dead_after: float = DEAD_AFTER,
    ) -> Command[HeartbeatReply]:
        """Renew the lease of the process.

        Args:
            look_for_dead: also find the processes whose lease has ended.
            reporter: the name under which to publish `counters`; empty to publish nothing.
            counters: JSON.
        """
        return Command(
            shard,
            "heartbeat",
            (self.processes, self.metrics_key),
            (process, dead_after if look_for_dead else 0, self.prefix, reporter, counters),
            parse_heartbeat,
        )

    def register(
        self, shard: int, group: str, process: str, members: Sequence[str], replace: bool = False
    ) -> Command[None]:
        """Store members of the process; with `replace`, remove others of it."""
        keys = (self.group_key(group),)
        arguments: tuple[Value, ...] = (self.prefix, group, process, int(replace), *members)
        return Command(shard, "register", keys, arguments, parse_nothing)

    def join(
        self, shard: int, group: str, process: str, witness: str, members: Sequence[str]
    ) -> Command[bool]:
        """Join members of the process to a group that the `witness`, another one, is in.

        The reply is false, and nothing is stored, where Redis has lost the group or the witness.
        """
        keys = (self.group_key(group),)
        arguments: tuple[Value, ...] = (self.prefix, group, process, witness, *members)
        return Command(shard, "join", keys, arguments, parse_flag)

    def remove_process(
        self, shard: int, process: str, dead_after: float = DEAD_AFTER
    ) -> Command[bool]:
        """Remove what a dead process left. The reply is false where its lease has been renewed.

        `dead_after`: seconds since its last heartbeat, 0 to remove it in any case.
        """
        arguments = (self.prefix, process, dead_after, self.expiry)
        return Command(shard, "remove_process", (self.processes,), arguments, parse_flag)

    def verify(
        self, shard: int, process: str, sizes: Mapping[str, int]
    ) -> Command[list[Difference]]:
        """Compare with Redis how many members of the process each group has."""
        pairs: Iterable[Value] = itertools.chain.from_iterable(sizes.items())
        arguments = (self.prefix, process, *pairs)
        return Command(shard, "verify", (), arguments, parse_verify)

    def forget(self, shard: int, process: str, member: str, groups: Iterable[str]) -> Command[None]:
        """Remove a member of the process from the groups."""
        arguments = (self.prefix, process, member, *groups)
        return Command(shard, "forget", (), arguments, parse_nothing)

    def memberships(self, shard: int, process: str) -> Command[dict[str, list[str]]]:
        """group -> members of the process."""
        keys = (f"{self.prefix}:groups:{process}",)
        return Command(shard, "memberships", keys, (self.prefix, process), parse_memberships)

    def metrics(self, shard: int, reporter: str, counters: str) -> Command[None]:
        """Publish counters as JSON."""
        return Command(shard, "metrics", (self.metrics_key,), (reporter, counters), parse_nothing)

    # Sessions

    def session_load(self, shard: int, channel: str) -> Command[bytes | None]:
        keys, arguments = self._session_of(channel)
        return Command(shard, "session_load", keys, arguments[:1], parse_bytes)

    def session_save(self, shard: int, channel: str, expiry: int, session: bytes) -> Command[None]:
        """`expiry`: of the session of a channel whose process gives no heartbeats."""
        keys, arguments = self._session_of(channel)
        arguments = (*arguments, expiry, session)
        return Command(shard, "session_save", keys, arguments, parse_nothing)

    def session_delete(self, shard: int, channel: str) -> Command[None]:
        keys, arguments = self._session_of(channel)
        return Command(shard, "session_delete", keys, arguments[:1], parse_nothing)

    def _session_of(self, channel: str) -> tuple[tuple[str, ...], tuple[Value, ...]]:
        process, local = split(channel)
        process = process or channel
        return (f"{self.prefix}:sessions:{process}", self.processes), (local, process)

    # Acknowledgements

    def unacknowledged(self, channel: str) -> str:
        """The hash of a channel's messages that are not acknowledged: id -> entry."""
        return f"{self.prefix}:unacknowledged:{channel}"

    def acknowledge(self, shard: int, channel: str, identity: str) -> Command[None]:
        keys = (self.unacknowledged(channel),)
        return Command(shard, "acknowledge", keys, (identity,), parse_nothing)

    def give_up(
        self,
        shard: int,
        channel: str,
        identity: str,
        *,
        reason: str,
        letters: str,
        max_letters: int,
    ) -> Command[None]:
        """Make the message a dead letter. `letters`: the key of the dead letters."""
        keys = (self.unacknowledged(channel), letters)
        arguments = (identity, channel, reason, max_letters)
        return Command(shard, "give_up", keys, arguments, parse_nothing)

    def redeliver(
        self,
        shard: int,
        keys: "RedeliveryKeys",
        *,
        claimed: Sequence[str],
        channels: Sequence[str],
        claim_for: float,
        grace: float,
        look_every: float,
        attempts: int,
        max_letters: int,
    ) -> Command[Redelivery]:
        """Claim the messages with the ids `claimed`, and return those of dead workers.

        Args:
            channels: the acknowledged channels to look at.
            claim_for: how long a claim lasts.
            grace: how long a message may be under way without a claim.
            look_every: between two looks of all workers together.
            attempts: how many workers may die on one message.
        """
        arguments: tuple[Value, ...] = (
            self.prefix,
            claim_for,
            grace,
            look_every,
            attempts,
            max_letters,
            len(claimed),
            *claimed,
            *channels,
        )
        return Command(shard, "redeliver", keys, arguments, parse_redeliver)


class RedeliveryKeys(NamedTuple):
    """The keys of redeliver.lua, in its order."""

    claims: str
    suspects: str
    attempts: str
    dead_letters: str
    gate: str


def split(channel: str) -> tuple[str, str]:
    """The process of a channel with its "!", and what follows; both empty where it has none."""
    process, mark, local = channel.partition("!")
    return (process + mark, local) if mark else ("", "")


def new_epoch() -> str:
    """An epoch that no stream has had; see Position."""
    return secrets.token_hex(6)
