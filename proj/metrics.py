"""The site's own part of /metrics: what no process of the transport counts."""

import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import redis
from channels_realtime.metrics.counters import Report, processes
from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conversations.redis_store import layer
from liveblog.models import BlogUpdate
from liveblog.stream.pulse_reports import age_of_round

logger = logging.getLogger(__name__)

# What processes count of the site, beside the transport's counters.
COUNTERS = {
    "log_errors": "Log lines of the level ERROR or CRITICAL",
    "login_failures": "Failed logins",
    "token_failures": "Requests with a wrong API token",
}


class Disk(NamedTuple):
    """Of the file system of DATA_DIR. Bytes; `files`: how many more there may be."""

    free: int
    size: int
    files: int


class Overdue(NamedTuple):
    """Scheduled posts whose time has passed. `seconds`: how long ago that of the first was."""

    number: int
    seconds: float


def disk() -> Disk:
    """Raises OSError."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    return Disk(usage.free, usage.total, os.statvfs(settings.DATA_DIR).f_favail)


def overdue() -> Overdue:
    """Raises Django's database errors."""
    now = timezone.now()
    rows = BlogUpdate.objects.hidden().filter(publish_at__lte=now).order_by()
    found = rows.aggregate(number=Count("pk"), first=Min("publish_at"))
    first: datetime | None = found["first"]
    return Overdue(found["number"], (now - first).total_seconds() if first else 0.0)


class SiteCollector(Collector):
    """Registered by proj/urls.py."""

    def collect(self) -> Iterator[Metric]:
        """What cannot be found out is left out: an alert on its absence can fire."""
        host = socket.gethostname()
        with suppress(OSError):
            free, size, _ = disk()
            yield labelled("liveblog_disk_free_bytes", "Free space for the data", host, free)
            yield labelled("liveblog_disk_size_bytes", "Size of that file system", host, size)
        try:
            number, seconds = overdue()
            yield gauge("liveblog_scheduled_overdue", "Scheduled posts that are late", number)
            yield gauge("liveblog_scheduled_overdue_seconds", "How late the first is", seconds)
        except DatabaseError as error:
            logger.error("/metrics lacks the scheduled posts: %s", error)
        with suppress(redis.RedisError, OSError):
            if (age := age_of_round(layer())) is not None:
                yield gauge("liveblog_pulse_age_seconds", "Since the last round of the pulse", age)
            yield from counted(processes(layer()))
        yield restarts(host)


def gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def labelled(name: str, text: str, host: str, value: float) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=["host"])
    metric.add_metric([host], value)
    return metric


def counted(reports: Mapping[str, Report]) -> Iterator[Metric]:
    """COUNTERS of each process."""
    for name, text in COUNTERS.items():
        metric = CounterMetricFamily(f"liveblog_{name}", text, labels=["process"])
        for process, report in reports.items():
            metric.add_metric([process], report["values"].get(name, 0))
        yield metric


def restarts(host: str) -> Metric:
    """How often processes of this host ended by themselves, from the file of deploy/endings.py."""
    metric = CounterMetricFamily(
        "liveblog_process_endings",
        "How often the process ended by itself",
        labels=["host", "name"],
    )
    with suppress(OSError, ValueError):
        counts = json.loads((settings.ENVIRONMENT.run_dir / "endings.json").read_text())
        for name, number in counts.items():
            metric.add_metric([host, name], number)
    return metric
