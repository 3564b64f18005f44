"""Log records as one line of JSON each, for LOG_FORMAT=json."""

import logging
import os
import time
from smtplib import SMTPException
from typing import Any, TextIO

import redis
from channels import channel_layers
from channels_realtime.layer.channel_layer import Transport
from django.db import InterfaceError, OperationalError
from pythonjsonlogger.json import JsonFormatter as LibraryFormatter

FORBIDDEN = 403
# What is raised where Redis, the database or a mail server is away.
AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    OperationalError,
    InterfaceError,
    ConnectionError,
    TimeoutError,
    SMTPException,
)

FIELDS = {
    "asctime": "time",  # ISO 8601, UTC
    "levelname": "level",
    "name": "logger",
    "message": "message",
    "process": "process",  # the name that supervisord gave to the process
    "exc_info": "exception",
}


class JsonFormatter(LibraryFormatter):
    """Writes FIELDS; those that a record does not have are left out, as are all others."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d+00:00"

    def __init__(self) -> None:
        name = os.environ.get("SUPERVISOR_PROCESS_NAME")
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields=FIELDS,
            static_fields={"process": name} if name else {},
            json_ensure_ascii=False,
        )
        self.converter = time.gmtime

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        # Django passes the request along with a record, whose text may hold a reader's data.
        return {name: log_data[name] for name in FIELDS.values() if name in log_data}


class JsonHandler(logging.StreamHandler[TextIO]):
    """For channels.log, which sets a format of its own on its handler."""

    def __init__(self) -> None:
        super().__init__()
        self.formatter = JsonFormatter()

    def setFormatter(self, formatter: logging.Formatter | None) -> None:
        """Do nothing: this handler writes JSON."""


class CountingHandler(logging.Handler):
    """Counts the records, for /metrics of a process that publishes its counters."""

    def emit(self, record: logging.LogRecord) -> None:
        # Only a layer that is there already: making one may log, too.
        for layer in channel_layers.backends.values():
            if isinstance(layer.channel_layer, Transport):
                layer.channel_layer.count("log_errors")


def without_needless_traceback(record: logging.LogRecord) -> bool:
    """A logging filter: what is no error in the code gets one line.

    That is a refusal (403), and a service that is away: its line ends with the reason.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, AWAY):
        reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
        record.msg = f"{record.getMessage().rstrip('.')}: {reason or type(error).__name__}"
        record.args = ()
        record.exc_info = None
    if getattr(record, "status_code", None) == FORBIDDEN:
        record.exc_info = None
    return True


def is_no_readiness_check(record: logging.LogRecord) -> bool:
    """A logging filter: drop Django's line for each 503 of /readyz; its checks log the reasons."""
    request = getattr(record, "request", None)
    return getattr(request, "path", None) != "/readyz"
