"""Alerts for `/metrics`, from the database."""

import logging
from collections.abc import Iterator
from typing import Any

from django.db import Error as DatabaseError
from django.db.models import Count, Min, Q, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from liveblog.models import Alert, AlertDelivery, AlertSubscription

logger = logging.getLogger(__name__)

COUNTERS = {
    "sent": "Alerts that push services accepted",
    "failed": "Alerts to a browser that were given up",
    "dropped": "Subscriptions that were deleted because their browser is gone",
    "expired": "Key events that were reached too late to be sent",
}


class AlertCollector(Collector):
    """Registered by proj/urls.py."""

    def collect(self) -> Iterator[Metric]:
        """Nothing if the database fails: an alert on the absence can fire."""
        try:
            yield from list(self.metrics())
        except DatabaseError as error:
            logger.error("/metrics lacks the readers' alerts: %s", error)

    def metrics(self) -> Iterator[Metric]:
        now = timezone.now()
        # Without those that are tried again: they fail, and that is counted in the end.
        first = Min("alert__created", filter=Q(attempts=0))
        queue = AlertDelivery.objects.aggregate(number=Count("pk"), first=first)
        unqueued = Alert.objects.filter(queued=None).aggregate(first=Min("created"))
        oldest = min([each["first"] for each in (queue, unqueued) if each["first"]], default=now)
        yield GaugeMetricFamily(
            "liveblog_alert_backlog", "Alerts to browsers that wait", value=queue["number"]
        )
        yield GaugeMetricFamily(
            "liveblog_alert_backlog_age_seconds",
            "How long ago the oldest key event was of those that were not tried",
            value=max(0.0, (now - oldest).total_seconds()),
        )
        subscriptions = GaugeMetricFamily(
            "liveblog_alert_subscriptions", "Browsers that want alerts", labels=["blog"]
        )
        by_blog = AlertSubscription.objects.values_list("blog__slug").order_by()
        for slug, number in by_blog.annotate(Count("pk")):
            subscriptions.add_metric([slug], number)
        yield subscriptions
        sums: dict[str, Any] = {name: Sum(name) for name in ("sent", "failed", "dropped")}
        sums["expired"] = Count("pk", filter=Q(expired=True))
        found: list[Any] = list(Alert.objects.order_by().values("blog__slug").annotate(**sums))
        for name, text in COUNTERS.items():
            counter = CounterMetricFamily(f"liveblog_alert_{name}", text, labels=["blog"])
            for row in found:
                counter.add_metric([row["blog__slug"]], row[name])
            yield counter
