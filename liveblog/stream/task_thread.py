"""A thread for a task of the pulse that waits for other servers, so that readers do not."""

import threading
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection

from liveblog.stream.failure_log import FailureLog
from liveblog.stream.lock_timeouts import limit_lock_waits


class TaskThread:
    """Works in a thread, which ends when nothing is due.

    Args:
        subject: what it does; it begins the log lines of failures.
        is_due: whether there is something to do. May raise Django's database errors.
        work: works until nothing is due. After an exception the next wake() goes on: what a
            process has claimed must be free again some time later.
    """

    def __init__(
        self, subject: str, is_due: Callable[[], bool], work: Callable[[], object]
    ) -> None:
        self.subject, self.is_due, self.work = subject, is_due, work
        self.thread: threading.Thread | None = None
        self.failures = FailureLog(subject)

    @property
    def is_running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def wake(self) -> None:
        """Start, unless it works already or nothing is due. Raises Django's database errors."""
        if not self.is_running and self.is_due():
            self.thread = threading.Thread(target=self.run, name=self.subject, daemon=True)
            self.thread.start()

    def run(self) -> None:
        try:
            limit_lock_waits()
            self.work()
        except Exception as error:
            self.failures.note_failure(error, trace=not isinstance(error, DatabaseError))
        else:
            self.failures.note_success()
        finally:
            connection.close()
