"""Who is in a voice room: a Redis hash, member -> reply channel and name.

Joining is one script, so that a room never holds more than it may. Whoever is in the hash without
a socket (its interface server was killed) is found by the room's group, from which the channel
layer removes the dead, and dropped when somebody joins.
"""

import secrets

from channels_realtime.layer.envelope import MESSAGE, STAMP

from conversations.redis_store import key, layer, redis
from conversations.rooms.names import group_of

MOST = 8  # each sends its sound to each other: 7 streams up are what a phone's line carries
KEPT = 86_400  # s after the last join: nothing of an empty room stays for ever

# KEYS: room   ARGV: member, value, most, expiry s, stale members…
# Returns the room as it was before, as HGETALL does, or 0 where it is full.
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
    """The room holds MOST members, all of whom are there."""


class Room:
    """The members of one voice room. A member is a dict of `id`, `channel` and `user`."""

    def __init__(self, name):
        self.key = key("voice", name)
        self.group = group_of("voice", name)

    def join(self, channel, user):
        """Returns (the new member, those there before, ids of stale ones). Raises RoomFull.

        The channel must be in the group already.
        """
        member = {"id": secrets.token_urlsafe(9), "channel": channel, "user": user}
        members = self.members()
        # In this order: whoever is in the hash was put into the group before.
        present = set(layer().group_channels(self.group.name))
        stale = [m["id"] for m in members if m["channel"] not in present]
        answer = redis().eval(JOIN, 1, self.key, member["id"], pack(member), MOST, KEPT, *stale)
        if answer == 0:
            raise RoomFull
        return member, [unpack(value) for value in answer[1::2]], stale

    def members(self):
        return [unpack(value) for value in redis().hvals(self.key)]

    def find(self, member_id):
        """The member, or None."""
        value = redis().hget(self.key, member_id)
        return unpack(value) if value else None

    def leave(self, member_id):
        redis().hdel(self.key, member_id)


def pack(member) -> bytes:
    """As the layer packs messages: encrypted where it has keys."""
    return layer().codec.pack(MESSAGE, None, member)


def unpack(value):
    return layer().codec.unpack(bytes(STAMP.size) + value)[2]
