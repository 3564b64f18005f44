"""SQLite, with writers that wait for its one write lock without blocking readers.

A worker tries to get the lock for BRIEFLY. If it is held for longer, a spare thread takes over the
worker's messages (channels_realtime.worker.handoff), and the writer waits in its own thread, for
LOCK at most; if too many wait already, it fails at once. Both failures raise OperationalError,
"database is locked", before anything was written. Other processes wait for as long as the option
`timeout` says.
"""

import sqlite3
import time
from typing import Any

from channels_realtime.worker import handoff
from django.db.backends.sqlite3 import base

from database.deadlines import BRIEFLY, LOCK, PAUSE, milliseconds


def set_busy_timeout(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {milliseconds(seconds)}")


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another connection holds the lock. Extended codes have the primary in 8 bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


class Cursor(base.SQLiteCursorWrapper):
    def execute(self, query: str, params: Any = None) -> Any:
        """Execute the statement; one that did not get the lock has done nothing and is repeated."""
        connection = self.connection
        # In WAL mode reads do not wait for the lock.
        reads = query.startswith("SELECT")
        if reads or connection.in_transaction or not handoff.is_worker():
            return super().execute(query, params)
        try:
            set_busy_timeout(connection, BRIEFLY)
            return super().execute(query, params)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or not handoff.hand_off():
                raise
        # Not by SQLite's own busy timeout, which locks the connection: another thread whose garbage
        # collector finds an old cursor of this connection would wait for it.
        set_busy_timeout(connection, 0)
        deadline = time.monotonic() + LOCK
        while True:
            time.sleep(PAUSE)
            try:
                return super().execute(query, params)
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise


class DatabaseWrapper(base.DatabaseWrapper):
    def create_cursor(self, name: str | None = None) -> sqlite3.Cursor:
        return self.connection.cursor(factory=Cursor)
