"""PostgreSQL, with a deadline for everything that waits for it.

These are defaults: libpq's parameters can be set in DATABASE_URL, the session's in DATABASE_URL
(`options`) and for the role, the database or the server.
"""

import time
from types import ModuleType
from typing import Any

import psycopg
from channels_realtime.worker import handoff
from django.db.backends.postgresql import base
from psycopg.abc import RV, PQGen

from database import deadlines
from database.deadlines import milliseconds

# psycopg has no public exception for a wait that took too long; it converts this one.
WaitTimeout = psycopg.errors._WaitTimeout

PARAMETERS = {
    "connect_timeout": deadlines.CONNECT,
    "tcp_user_timeout": deadlines.UNACKNOWLEDGED,
    "keepalives_idle": deadlines.KEEPALIVE_IDLE,
    "keepalives_interval": deadlines.KEEPALIVE_INTERVAL,
    "keepalives_count": deadlines.KEEPALIVE_COUNT,
}
# For every session: the server detects a client that vanished, and releases its locks.
SESSION = {
    "tcp_user_timeout": deadlines.UNACKNOWLEDGED,
    "tcp_keepalives_idle": deadlines.KEEPALIVE_IDLE,
    "tcp_keepalives_interval": deadlines.KEEPALIVE_INTERVAL,
    "tcp_keepalives_count": deadlines.KEEPALIVE_COUNT,
    "client_connection_check_interval": deadlines.UNACKNOWLEDGED,
}
# For workers: commands such as migrate may take as long as they need.
WORKER = {
    "lock_timeout": milliseconds(deadlines.LOCK),
    "statement_timeout": milliseconds(deadlines.STATEMENT),
    "idle_in_transaction_session_timeout": milliseconds(deadlines.IDLE_IN_TRANSACTION),
}
# An older server lacks some of them; a setting of the operator has another source than `default`.
SET_DEFAULTS = """
SELECT set_config(name, wanted.value, false)
FROM pg_settings JOIN unnest(%s::text[], %s::text[]) AS wanted (name, value) USING (name)
WHERE source = 'default'
"""


class Connection(psycopg.Connection):
    """Waits for an answer no longer than the deadlines of workers, or of limit_answers()."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait until the server has answered. Raises OperationalError on a closed connection."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        if not handoff.is_worker():
            return self.wait_for(deadlines.answer_elsewhere, gen, interval)
        # Outside of a transaction Django's connections commit every statement.
        if not self.autocommit:
            try:
                return super().wait(gen, interval, deadlines.SLOW)
            except WaitTimeout:
                if not handoff.hand_off():
                    self.close()
                    raise psycopg.OperationalError("too many writers wait for locks") from None
        return self.wait_for(deadlines.ANSWER, gen, interval)

    def wait_for(self, seconds: float | None, gen: PQGen[RV], interval: float) -> RV:
        """Wait for an answer, and close the connection if there is none within the seconds."""
        try:
            return super().wait(gen, interval, seconds)
        except WaitTimeout:
            self.close()
            DatabaseWrapper.wait_to_connect()
            sentence = f"the server has not answered within {seconds:g} s"
            raise psycopg.OperationalError(sentence) from None


class DatabaseWrapper(base.DatabaseWrapper):
    # Django's module of that name, with another class of connections.
    Database = ModuleType(psycopg.__name__)
    vars(Database).update(vars(psycopg) | {"connect": Connection.connect})

    # When this process may try again to connect to a server that did not answer. Each try takes
    # CONNECT; in between, requests are refused at once.
    connect_after = float("-inf")

    @staticmethod
    def wait_to_connect() -> None:
        """The server has not answered: for a moment nobody tries to connect."""
        DatabaseWrapper.connect_after = time.monotonic() + deadlines.RETRY

    def get_connection_params(self) -> dict[str, Any]:
        return PARAMETERS | super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection:
        started = time.monotonic()
        if handoff.is_worker() and started < DatabaseWrapper.connect_after:
            raise psycopg.OperationalError("the server did not answer a moment ago")
        try:
            return super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            self.wait_to_connect()
            raise

    def init_connection_state(self) -> None:
        super().init_connection_state()
        wanted = SESSION | (WORKER if handoff.is_worker() else {})
        values = [str(value) for value in wanted.values()]
        self.connection.execute(SET_DEFAULTS, [list(wanted), values])
