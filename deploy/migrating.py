"""Migrates the database under the running site.

On PostgreSQL a statement that changes a table waits for a lock, and while it waits, all later
readers of the table wait behind it. So it gives up soon, and is tried again. On SQLite a signal is
noticed only when the wait for the lock ends.
"""

import sqlite3
import time

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from deploy.migration_checks import Unsafe, unsafe

__all__ = ["Unsafe", "migrate"]

LOCK_TIMEOUT = 2000  # ms; a reader forgives it
ATTEMPTS = 15
PAUSE = 1.0  # s; lets those who waited go on


def migrate() -> None:
    """Apply what is missing. Raises Unsafe before anything is changed, and Django's errors."""
    executor = MigrationExecutor(connection)
    graph, applied = executor.loader.graph, executor.loader.applied_migrations
    plan = executor.migration_plan(graph.leaf_nodes())
    if applied:  # there is a running release
        state = graph.make_state(nodes=[node for node in graph.nodes if node in applied])
        for problem in unsafe([migration for migration, _ in plan], state):
            raise problem
    for attempt in range(1, ATTEMPTS + 1):
        try:
            limit_locks()
            call_command("migrate", verbosity=0, interactive=False)
            return
        except OperationalError as error:
            if not is_lock_timeout(error) or attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE)
        finally:
            connection.close()  # with its timeout


def limit_locks() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
        else:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT}")


def is_lock_timeout(error: OperationalError) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return getattr(cause, "sqlstate", None) == "55P03"  # lock_not_available
