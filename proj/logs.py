"""Log records as one line of JSON each, for LOG_FORMAT=json."""

import json
import logging
import os
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """`time` (ISO 8601, UTC), `level`, `logger`, `message`; `process` under supervisord."""

    def format(self, record):
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if name := os.environ.get("SUPERVISOR_PROCESS_NAME"):
            line["process"] = name
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class JsonHandler(logging.StreamHandler):
    """For channels.log, which would give its handler a format of its own."""

    def __init__(self):
        super().__init__()
        self.formatter = JsonFormatter()

    def setFormatter(self, formatter):
        """Keep ours."""


def is_no_readiness_check(record: logging.LogRecord) -> bool:
    """A logging filter: Django would log each 503 of /readyz, whose checks log the reasons."""
    request = getattr(record, "request", None)
    return getattr(request, "path", None) != "/readyz"
