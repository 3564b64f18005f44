"""The backlog of webhooks for `/metrics`, from the database."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

from django.db import Error as DatabaseError
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from liveblog.models import Webhook
from liveblog.webhooks import backlog

logger = logging.getLogger(__name__)
LABELS = ["webhook", "blog"]  # the id and the slug: the URL may hold a secret


class WebhookBacklog(NamedTuple):
    webhook: Webhook
    waiting: backlog.Waiting | None


class WebhookCollector(Collector):
    """Registered by proj/urls.py."""

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "liveblog_webhook_backlog", "Deliveries that wait", labels=LABELS
        )
        age = GaugeMetricFamily(
            "liveblog_webhook_backlog_age_seconds",
            "How long the oldest delivery has waited",
            labels=LABELS,
        )
        failures = GaugeMetricFamily(
            "liveblog_webhook_failures", "Failures in a row", labels=LABELS
        )
        dropped = CounterMetricFamily(
            "liveblog_webhook_dropped", "Deliveries that were given up", labels=LABELS
        )
        now = timezone.now()
        for hook in self.webhooks():
            labels = [str(hook.webhook.pk), hook.webhook.blog.slug]
            since = hook.waiting.oldest if hook.waiting else now
            waiting.add_metric(labels, hook.waiting.number if hook.waiting else 0)
            age.add_metric(labels, max(0.0, (now - since).total_seconds()))
            failures.add_metric(labels, hook.webhook.failures)
            dropped.add_metric(labels, hook.webhook.dropped)
        yield from (waiting, age, failures, dropped)

    def webhooks(self) -> list[WebhookBacklog]:
        """All webhooks; none if the database fails."""
        try:
            queued = {waiting.webhook_id: waiting for waiting in backlog.waiting_by_webhook()}
            rows = list(Webhook.objects.select_related("blog").order_by("pk"))
        except DatabaseError as error:
            logger.error("/metrics lacks the webhooks: %s", error)
            return []
        return [WebhookBacklog(row, queued.get(row.pk)) for row in rows]
