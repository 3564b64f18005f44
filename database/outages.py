"""Errors that are not the request's fault: it may be tried again as it is."""

from django.db import InterfaceError, OperationalError

# The database is away, does not answer, is locked for too long, or its disk is full.
OUTAGES = (OperationalError, InterfaceError)


def reason_of(error: Exception) -> str:
    """The error in one line. PostgreSQL quotes the statement below its sentence."""
    return str(error).partition("\n")[0]
