"""A lease in Redis: of several processes, on however many hosts, one is active.

It is a key that holds the holder's token and expires. A process that dies stops renewing its lease;
a standby is told when the lease would expire and tries again just then.
"""

import time
from secrets import token_hex

import hiredis
import redis
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.connection import Connection

TTL = 4.5  # s; a standby takes over within 5
MARGIN = 0.5  # s before the end at which a holder no longer trusts its own clock
CHECK_EVERY = 30.0  # s; a renewal costs one command, a look at the holder's token three
SHORTEST_WAIT = 0.25  # s between two looks of a standby

# Returns 0 where the lease is the caller's now, else the ms that are left of the holder's.
TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return math.max(1, redis.call('PTTL', KEYS[1]))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
"""
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""


class Lease:
    """`layer`: a channel layer of ours; with several shards the lease lies on one that answers."""

    def __init__(self, layer: Transport, name: str, ttl: float = TTL) -> None:
        self.layer = layer
        self.key = f"{layer.prefix}:{name}"
        self.ttl = ttl
        self.token = token_hex(16)
        self.renewed = self.checked = float("-inf")

    def connection(self) -> Connection:
        return self.layer.shard(self.layer.home(self.key))

    def hold(self) -> float:
        """Take or renew it. Returns 0 where it is ours, else the seconds to wait.

        Raises redis.RedisError and OSError.
        """
        now = time.monotonic()  # before Redis counts: we are never surer than it is
        connection, milliseconds = self.connection(), int(1000 * self.ttl)
        sure = now < self.renewed + self.ttl - MARGIN and now < self.checked + CHECK_EVERY
        # While we are sure, nobody else can have taken it. Were this process stopped just here for
        # long enough, two would hold it until the next check.
        if sure and connection.ask([("PEXPIRE", self.key, milliseconds)]) == [1]:
            self.renewed = now
            return 0
        [left] = connection.ask([("EVAL", TAKE, 1, self.key, self.token, milliseconds)])
        if left:
            return max(SHORTEST_WAIT, left / 1000)
        self.renewed = self.checked = now
        return 0

    def release(self) -> None:
        """Give it up if it is ours. Never raises, and never waits for a Redis that hangs."""
        self.renewed = float("-inf")
        connection = self.connection()
        wire = connection.wire
        if wire is None:
            return
        command = hiredis.pack_command(("EVAL", RELEASE, 1, self.key, self.token))
        try:
            wire.send_packed_command([command], check_health=False)
        except (redis.RedisError, OSError):
            pass  # it expires
        finally:
            # The answer is not read, so the connection is of no more use.
            connection.close()
