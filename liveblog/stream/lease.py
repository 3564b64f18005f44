"""A lease in Redis: of several processes, on however many hosts, one is active.

It is redis-py's Lock with an expiry. A process that dies stops renewing its lease, and a standby
tries again when the lease would expire.
"""

import threading
from contextlib import suppress

import redis
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.shard import FAILURES, Shard
from redis.exceptions import LockError
from redis.lock import Lock

TTL = 4.5  # s; a standby takes over within 5
SHORTEST_WAIT = 0.25  # s between two attempts of a standby
RELEASE_WITHIN = 0.5  # s; a lease that could not be released expires


class Lease:
    """`layer`: a channel layer of ours; with several shards the lease lies on one that answers."""

    def __init__(self, layer: Transport, name: str, ttl: float = TTL) -> None:
        self.layer = layer
        self.key = f"{layer.prefix}:{name}"
        self.ttl = ttl
        # Not thread-local: release() runs in a thread of its own.
        self.locks = [
            Lock(shard.client, self.key, timeout=ttl, blocking=False, thread_local=False)
            for shard in layer.ring
        ]

    def shard(self) -> Shard:
        return self.layer.ring[self.layer.home(self.key)]

    def hold(self) -> float:
        """Take or renew the lease. Returns 0 if this process holds it, else the seconds to wait.

        Raises redis.RedisError and OSError.
        """
        shard = self.shard()
        shard.require()
        lock = self.locks[shard.index]
        try:
            with suppress(LockError):  # never held, expired, or lost with Redis's keys
                lock.reacquire()
                return 0
            if lock.acquire():
                return 0
            return max(SHORTEST_WAIT, shard.client.pttl(self.key) / 1000)
        except FAILURES as error:
            shard.lost(error)
            raise

    def release(self) -> None:
        """Release the lease if this process holds it. Does not raise or wait for a hung Redis."""
        thread = threading.Thread(target=self.try_to_release, name="lease", daemon=True)
        thread.start()
        thread.join(RELEASE_WITHIN)

    def try_to_release(self) -> None:
        shard = self.shard()
        if not shard.is_away:
            with suppress(redis.RedisError, OSError):  # also LockError: it is another process's
                self.locks[shard.index].release()
