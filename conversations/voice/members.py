"""The members of a voice room: a Redis hash of member id -> reply channel and name.

Joining is one script, so that a room never holds more than MOST members. When an interface server
is killed, the channel layer removes its sockets from the room's group; their members are removed
from the hash when the next member joins.
"""

import secrets
from typing import Any, NamedTuple, TypedDict

from channels_realtime.layer.envelope import MESSAGE, STAMP

from conversations.redis_store import key, layer, redis
from conversations.rooms.names import group_of

MOST = 8  # each sends audio to every other member: a phone's uplink carries 7 streams
EXPIRY = 86_400  # s after the last join, when an empty room's data is removed

# KEYS: room   ARGV: member, value, most, expiry s, stale members…
# Returns the members before the join, as HGETALL does, or 0 if the room is full.
JOIN = """
for index = 5, #ARGV do
    redis.call('HDEL', KEYS[1], ARGV[index])
end
local others = redis.call('HGETALL', KEYS[1])
if #others / 2 >= tonumber(ARGV[3]) then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return others
"""


class RoomFull(Exception):
    """The room holds MOST members, all of whom are connected."""


class Member(TypedDict):
    """`channel` is the name of the reply channel; `user` a username or a guest's name."""

    id: str
    channel: str
    user: str


class Joined(NamedTuple):
    """`others` were there before; `stale` are the ids of those who were removed."""

    member: Member
    others: list[Member]
    stale: list[str]


class Room:
    """The members of one voice room."""

    def __init__(self, name: str) -> None:
        self.key = key("voice", name)
        self.group = group_of("voice", name)

    def join(self, channel: str, user: str) -> Joined:
        """Add a member, whose channel must be in the group already. Raises RoomFull."""
        member = Member(id=secrets.token_urlsafe(9), channel=channel, user=user)
        members = self.members()
        # In this order: a member in the hash was put into the group before.
        present = set(layer().group_channels(self.group.name))
        stale = [m["id"] for m in members if m["channel"] not in present]
        answer = redis().eval(JOIN, 1, self.key, member["id"], pack(member), MOST, EXPIRY, *stale)
        if answer == 0:
            raise RoomFull
        others = [unpack(value) for value in answer[1::2]]
        return Joined(member, others, stale)

    def members(self) -> list[Member]:
        return [unpack(value) for value in redis().hvals(self.key)]

    def find(self, member_id: str) -> Member | None:
        value = redis().hget(self.key, member_id)
        return unpack(value) if value else None

    def leave(self, member_id: str) -> None:
        redis().hdel(self.key, member_id)


def pack(member: Member) -> bytes:
    """As the layer packs messages: encrypted where it has keys."""
    return layer().codec.pack(MESSAGE, None, member)


def unpack(value: Any) -> Member:
    # redis-py types replies as str as well, for clients that decode them; this one does not.
    member: Member = layer().codec.unpack(bytes(STAMP.size) + value)[2]
    return member
