"""The queue of alerts in the database: who gets one, claims, retries, and what is given up.

Every step is durable: an alert remembers up to which subscription it was queued, a delivery stays
until its result is stored. A process that dies leaves at most the deliveries that it had claimed;
they are due again after CLAIM.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from liveblog.alerts.models import MAX_AGE
from liveblog.models import Alert, AlertDelivery, AlertSubscription, LiveBlog
from liveblog.stream.pruning import delete_in_batches
from liveblog.webhooks.messages import Response

logger = logging.getLogger(__name__)

BATCH = 1000  # deliveries that are queued in one transaction: some 30 ms
CLAIM = timedelta(seconds=60)  # a process that dies delays what it had claimed by this
# s after the first, second … failure; after MAX_AGE it is given up
BACKOFF = (10, 30, 120, 600, 1800)
# A subscription all of whose messages have failed for so long is deleted.
FAILING_FOR = timedelta(days=3)
ENDED_FOR = timedelta(days=7)  # a coverage that is reopened within a week keeps its subscriptions
# What a push service says of a subscription that is over (RFC 8030, sections 5 and 7.3).
GONE = {404, 410}
RETRYABLE = {408, 425, 429}


@dataclass(frozen=True)
class Result:
    """A delivery, and how it ended.

    `response`: None if it was not sent. `retry`: when it is tried again; None: never.
    """

    delivery: AlertDelivery
    response: Response | None
    retry: datetime | None


def anything_due() -> bool:
    """Whether there is something to send; while ALERTS is off, there is not."""
    if not settings.ALERTS:
        return False
    now = timezone.now()
    return not_queued().exists() or AlertDelivery.objects.filter(due__lte=now).exists()


def not_queued() -> models.QuerySet[Alert]:
    return Alert.objects.filter(queued=None)


def queue_next() -> bool:
    """Queue up to BATCH deliveries of the oldest alert that lacks some. Returns whether one did."""
    if not not_queued().exists():  # on SQLite the transaction would take the write lock
        return False
    with transaction.atomic():
        rows = not_queued().select_for_update(skip_locked=True, of=("self",))
        alert = rows.select_related("update").order_by("pk").first()
        if alert is None:
            return False
        now = timezone.now()
        if alert.is_news(now):
            queue_batch(alert, now)
        else:
            alert.queued, alert.expired = now, alert.is_old(now)
            if alert.expired:
                logger.warning("Alert %s was reached too late and is not sent", alert.pk)
        alert.save(update_fields=["reached", "queued", "expired"])
    return True


def queue_batch(alert: Alert, now: datetime) -> None:
    rows = AlertSubscription.objects.filter(blog=alert.blog_id, pk__gt=alert.reached)
    found = list(rows.order_by("pk").values_list("pk", "failures")[:BATCH])
    AlertDelivery.objects.bulk_create(
        AlertDelivery(alert=alert, subscription_id=pk, due=now, failing=failures > 0)
        for pk, failures in found
    )
    if found:
        alert.reached = found[-1][0]
    if len(found) < BATCH:
        alert.queued = now


def claim(most: int, failing: bool) -> list[AlertDelivery]:
    """Claim up to `most` deliveries, the oldest first, to subscriptions that fail or that work.

    They come with subscription, alert, update and blog.
    """
    now = timezone.now()
    rows = AlertDelivery.objects.filter(due__lte=now, failing=failing)
    if most <= 0 or not rows.exists():  # on SQLite the transaction would take the write lock
        return []
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True, of=("self",)).order_by("due", "pk")
        keys = list(free.values_list("pk", flat=True)[:most])
        AlertDelivery.objects.filter(pk__in=keys).update(due=now + CLAIM)
    claimed = AlertDelivery.objects.filter(pk__in=keys).select_related("subscription")
    found = list(claimed.order_by("pk"))
    alerts = Alert.objects.select_related("update", "blog")
    by_key = alerts.in_bulk({delivery.alert_id for delivery in found})
    for delivery in found:
        delivery.alert = by_key[delivery.alert_id]
        delivery.alert.update.blog = delivery.alert.blog
    return found


def retry_at(delivery: AlertDelivery, response: Response, now: datetime) -> datetime:
    """After BACKOFF, and not before the push service's own Retry-After."""
    backoff = BACKOFF[min(delivery.attempts, len(BACKOFF) - 1)]
    return max(now + timedelta(seconds=backoff), requested(response.retry_after, now))


def requested(retry_after: str, now: datetime) -> datetime:
    """The moment of a Retry-After: seconds or a date (RFC 9110, section 10.2.3); else now."""
    if retry_after.isascii() and retry_after.isdigit():
        return now + min(timedelta(seconds=int(retry_after[:6])), 2 * MAX_AGE)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return now
    return moment if moment.tzinfo else now


def is_temporary(response: Response) -> bool:
    status = response.status
    return status is None or status >= 500 or status in RETRYABLE


@transaction.atomic
def store(results: Iterable[Result]) -> None:
    """Store what has become of some deliveries. Few statements for any number of successes."""
    now = timezone.now()
    done: list[int] = []
    gone: set[str] = set()  # digests
    later: dict[datetime, list[int]] = defaultdict(list)  # not sent, because of a pause
    worked, failed = set[int](), set[int]()  # subscriptions
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for result in results:
        delivery, response, retry = result.delivery, result.response, result.retry
        subscription, count = delivery.subscription, counts[delivery.alert_id]
        if response is not None and response.succeeded:
            worked |= {subscription.pk} if subscription.failures else set()
            done.append(delivery.pk)
            count["sent"] += 1
        elif response is not None and is_over(subscription, response, now):
            gone.add(subscription.digest)
            count["dropped"] += 1
        elif retry is None or delivery.alert.is_old(retry):
            failed |= {subscription.pk} if response is not None else set()
            done.append(delivery.pk)
            count["failed"] += 1
        elif response is None:
            later[retry].append(delivery.pk)
        else:
            failed.add(subscription.pk)
            AlertDelivery.objects.filter(pk=delivery.pk).update(
                due=retry, attempts=delivery.attempts + 1, failing=True
            )
    for due, keys in later.items():
        AlertDelivery.objects.filter(pk__in=keys).update(due=due)
    AlertDelivery.objects.filter(pk__in=done).delete()
    AlertSubscription.objects.filter(digest__in=gone).delete()
    AlertSubscription.objects.filter(pk__in=worked).update(failures=0, failing_since=None)
    AlertSubscription.objects.filter(pk__in=failed).update(
        failures=F("failures") + 1, failing_since=Coalesce("failing_since", Value(now))
    )
    for key, count in counts.items():
        if count:
            added = {name: F(name) + number for name, number in count.items()}
            Alert.objects.filter(pk=key).update(**added)


def is_over(subscription: AlertSubscription, response: Response, now: datetime) -> bool:
    """Whether the subscription is to be deleted after this answer."""
    since = subscription.failing_since
    return response.status in GONE or (since is not None and since < now - FAILING_FOR)


def prune() -> int:
    """Delete the subscriptions to blogs whose coverage ended long ago. Returns how many."""
    ended = LiveBlog.objects.filter(state="ended", ended__lt=timezone.now() - ENDED_FOR)
    return delete_in_batches(AlertSubscription.objects.filter(blog__in=ended))
