"""A short lock timeout, for work that can be repeated."""

from django.db import connection

# s; long enough for a writer that is at work, and a few of them still fit into a round of the pulse
LOCK_TIMEOUT = 0.5

STATEMENTS = {
    "sqlite": f"PRAGMA busy_timeout = {int(1000 * LOCK_TIMEOUT)}",
    "postgresql": f"SET lock_timeout = '{int(1000 * LOCK_TIMEOUT)}ms'",
}


def limit_lock_waits() -> None:
    """Make this thread's connection raise OperationalError after LOCK_TIMEOUT at a lock."""
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[connection.vendor])
