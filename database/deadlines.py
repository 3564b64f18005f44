"""How long to wait for the database. In workers, others wait behind whoever waits.

Each is longer than the one before, so that the error that a person sees names the cause: the lock,
before the statement that waited for it, before the server that did not answer.
"""

BRIEFLY = 0.05  # s; another writer's transaction takes some 10 ms
PAUSE = 0.05  # s between two tries of a writer that waits for SQLite's lock
SLOW = 0.2  # s; a statement within a transaction that takes longer waits for a lock
LOCK = 8.0  # s for a lock; an editor's page sends a write again after 10
STATEMENT = 10.0  # s; the longest statement of a page takes some 0.1 s
ANSWER = 12.0  # s for an answer; PostgreSQL ends statements itself, unless it is frozen
IDLE_IN_TRANSACTION = 30.0  # s; a transaction of a frozen worker holds its blog's lock

CONNECT = 3  # s, whole ones; each host of a list has as long
RETRY = 2.0  # s after a server that did not answer, until a worker tries to connect again
# Packets that vanish: 5 s after the first that is not acknowledged, 7 s after the last answer.
UNACKNOWLEDGED = 5000  # ms
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 3, 2, 2  # s, s, probes


def milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
