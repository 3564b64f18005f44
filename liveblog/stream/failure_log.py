"""Logs the first of several failures in a row, and the recovery."""

import logging

logger = logging.getLogger(__name__)


class FailureLog:
    """`subject`: what fails; it begins the log lines."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.failures = 0

    def note_failure(self, error: Exception, trace: bool = False) -> int:
        """Returns the number of failures in a row."""
        self.failures += 1
        if self.failures == 1:
            reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
            logger.error(
                "%s fails, trying again: %s",
                *(self.subject, reason or type(error).__name__),
                exc_info=error if trace else None,
            )
        return self.failures

    def note_success(self) -> None:
        if self.failures:
            logger.info("%s works again", self.subject)
        self.failures = 0
