"""Waiting at several shards at once.

A BLPOP waits at one Redis only. With shards, one is sent to each and the first reply is taken. The
others stay: what they bring is taken by the next call. So up to one message per shard is held
while a consumer runs, until another thread puts it back where the consumer takes long, and
`leftover` must be called before the thread ends. A shard that is away is passed over until it is
back. A wait that had begun before stays until its reply is overdue: Redis may have sent it a
message, which would be lost with the connection.
"""

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import redis

from channels_realtime.layer.connection import LATE, Connection, Popped
from channels_realtime.layer.shard import ANSWER_WITHIN, ShardAway
from channels_realtime.layer.wire import take_socket

LOOK_AGAIN = 0.5  # s until a shard that was away is looked at again


class Waiting:
    """One thread's wait for one set of lists.

    `connections`: one per shard, used for nothing else.
    """

    def __init__(self, connections: Sequence[Connection], lists: Sequence[str]) -> None:
        self.connections = connections
        self.lists = lists
        self.turn = 0
        self.due: dict[Connection, float] = {}  # when the reply of each wait must have come
        self.kept: deque[Popped] = deque()  # what Redis did not take back
        self.lock = threading.Lock()  # not held while the thread's consumer runs

    def pop(self, wait: int) -> Popped | None:
        """The first entry of any shard, or None after `wait` s or less. Raises ShardAway."""
        with self.lock:
            return self.kept.popleft() if self.kept else self.pop_first(wait)

    def pop_first(self, wait: int) -> Popped | None:
        """As pop(), of what the shards bring."""
        by_socket = {
            take_socket(connection.wire): connection
            for connection in self.connections
            if self.begin(connection, wait) and connection.wire is not None
        }
        if not by_socket:
            raise ShardAway("no Redis of the ring answers")
        complete = not any(connection.shard.is_away for connection in self.connections)
        # Redis answers after `wait`; it gets a second's grace.
        ready, _, _ = select.select(by_socket, [], [], wait + 1 if complete else LOOK_AGAIN)
        self.turn += 1
        for step in range(len(ready)):
            connection = by_socket[ready[(self.turn + step) % len(ready)]]
            try:
                found = connection.end_pop()
            except (redis.RedisError, OSError):
                continue  # the next begin() opens it again
            if found:
                return found
        return None

    def begin(self, connection: Connection, wait: int) -> bool:
        """Whether the connection waits for an entry, perhaps since now."""
        shard = connection.shard
        if connection.popping:
            if time.monotonic() <= self.due[connection] or has_reply(connection):
                return True
            connection.close()
            shard.lost(redis.TimeoutError("no reply to BLPOP"))
        if shard.is_away:
            return False
        try:
            if connection.wire is None:
                connection.open(patience=0)
            connection.begin_pop(self.lists, wait)
        except (redis.RedisError, OSError):
            return False
        self.due[connection] = time.monotonic() + wait + ANSWER_WITHIN + LATE
        return True

    def put_back(self, put_back: Callable[[Popped], None]) -> int:
        """Have `put_back` return what the waits have brought, called by another thread.

        Returns the number of messages. Nothing is done while the thread itself waits.
        """
        if not self.lock.acquire(blocking=False):
            return 0
        try:
            found = [*self.replies()]
            for popped in found:
                try:
                    put_back(popped)
                except redis.ResponseError:
                    self.kept.append(popped)
            return len(found)
        finally:
            self.lock.release()

    def replies(self) -> Iterator[Popped]:
        """The entries that have come and were not taken."""
        for connection in self.connections:
            if connection.popping and has_reply(connection):
                with suppress(redis.RedisError, OSError):  # the next begin() opens it again
                    if found := connection.end_pop():
                        yield found

    def leftover(self) -> Iterator[Popped]:
        """What the waits that are still open brought; they must have been interrupted before."""
        with self.lock:
            yield from self.kept
            self.kept.clear()
            for connection in self.connections:
                if connection.popping and (found := connection.end_pop()):
                    yield found


def has_reply(connection: Connection) -> bool:
    """Whether its reply has come, as while a consumer ran for longer than the deadline."""
    assert connection.wire is not None, "it waits"
    return bool(select.select([take_socket(connection.wire)], [], [], 0)[0])
