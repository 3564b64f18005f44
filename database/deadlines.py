"""Deadlines for the database. While a worker waits, the messages behind it wait too.

Each deadline is longer than the one before, so that the error names the cause: the lock rather than
the statement that waited for it, and the statement rather than the server.
"""

BRIEFLY = 0.05  # s; another writer's transaction takes some 10 ms
PAUSE = 0.05  # s between two attempts of a writer to get SQLite's lock
SLOW = 0.2  # s; a statement within a transaction that takes longer waits for a lock
LOCK = 7.0  # s for a lock; an editor's page sends a write again after 10
STATEMENT = 8.0  # s; the longest statement of a page takes some 0.1 s
ANSWER = 9.0  # s for an answer; PostgreSQL ends statements itself, unless it is frozen
LONG_ANSWER = 30.0  # s for an answer to the pulse, whose statements may take longer than a page's
IDLE_IN_TRANSACTION = 30.0  # s; a transaction of a frozen worker holds its blog's lock

CONNECT = 3  # whole s; for each host of a list
RETRY = 2.0  # s from a server that did not answer to the next attempt to connect
# A dead network is detected 5 s after the first unacknowledged packet, 7 s after the last answer.
UNACKNOWLEDGED = 5000  # ms
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 3, 2, 2  # s, s, probes


# s for an answer in a process that is no worker; None: as long as it takes, as for migrate.
answer_elsewhere: float | None = None


def limit_answers(seconds: float = LONG_ANSWER) -> None:
    """Called by a process that is no worker and runs on, such as the pulse."""
    global answer_elsewhere
    answer_elsewhere = seconds


def milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
