"""Waiting at several shards at once.

A BLPOP waits at one Redis only. With shards, one is sent to each and the first answer is taken.
The others stay: what they bring is taken by the next call. So up to one message a shard is held
while a consumer runs, and `leftover` must be asked before the thread ends.
"""

import select

from realtime.internals import take_socket


class Waiting:
    """One thread's wait for one set of lists. `connections`: one a shard, used for nothing else."""

    def __init__(self, connections, lists):
        self.connections = connections
        self.lists = lists
        self.turn = 0

    def pop(self, wait):
        """(connection, list, entry) of the first shard that has one, or None after `wait` s."""
        for connection in self.connections:
            if not connection.popping:
                connection.begin_pop(self.lists, wait)
        by_socket = {take_socket(c.wire): c for c in self.connections}
        # Redis answers after `wait`; it gets a second's grace.
        ready, _, _ = select.select(by_socket, [], [], wait + 1)
        self.turn += 1
        for step in range(len(ready)):
            connection = by_socket[ready[(self.turn + step) % len(ready)]]
            if answer := connection.end_pop():
                return connection, *answer
        return None

    def leftover(self):
        """What the waits that are still open brought; they must have been interrupted before."""
        for connection in self.connections:
            if connection.popping and (answer := connection.end_pop()):
                yield connection, *answer
