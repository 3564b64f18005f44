"""SQLite, with writers that wait for its one write lock without blocking readers.

A worker tries to get the lock for BRIEFLY. If it is held for longer, a spare thread takes over the
worker's messages (channels_realtime.worker.handoff), and the writer waits in its own thread, for
LOCK at most; if too many wait already, it fails at once. Both failures raise OperationalError,
"database is locked", before anything was written. Other processes wait for as long as the option
`timeout` says.

The first connection creates the file, readable by its owner only.
"""

import os
import sqlite3
import time
from pathlib import Path
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


def create_private_file(path: Path) -> None:
    """Create the database, which has password hashes and sessions, with mode 0600.

    A file that is there stays as it is. SQLite gives -wal and -shm the mode of the database.
    Raises OperationalError, as SQLite does for a file that it cannot open.
    """
    if os.path.exists(path):
        return
    try:
        path.touch(mode=0o600)
    except OSError as error:
        reason = f"unable to create the database: {error.strerror}"
        raise sqlite3.OperationalError(reason) from error


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        if not self.is_in_memory_db():
            create_private_file(Path(conn_params["database"]))
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> sqlite3.Cursor:
        return self.connection.cursor(factory=Cursor)
