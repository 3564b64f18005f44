"""Errors that do not depend on the request, which can be retried unchanged."""

from django.db import InterfaceError, OperationalError

# The database is down, does not answer, is locked for too long, or its disk is full.
OUTAGES = (OperationalError, InterfaceError)


def reason_of(error: Exception) -> str:
    """The error in one line. PostgreSQL adds further lines with the statement."""
    return str(error).partition("\n")[0]
