"""The cards of links that are not there yet, for `/metrics`, from the database."""

import logging
from collections.abc import Iterator

from django.db import Error as DatabaseError
from django.db.models import Count, Q
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from liveblog.models import LinkCardRequest

logger = logging.getLogger(__name__)


class LinkCardCollector(Collector):
    """Registered by proj/urls.py."""

    def collect(self) -> Iterator[Metric]:
        is_over = Q(due=None)
        try:
            found = LinkCardRequest.objects.aggregate(
                waiting=Count("pk", filter=~is_over), given_up=Count("pk", filter=is_over)
            )
        except DatabaseError as error:
            logger.error("/metrics lacks the cards of links: %s", error)
            return
        waiting, given_up = "Cards that are to be fetched", "Links that stay links"
        yield GaugeMetricFamily("liveblog_link_cards_waiting", waiting, found["waiting"])
        yield GaugeMetricFamily("liveblog_link_cards_given_up", given_up, found["given_up"])
