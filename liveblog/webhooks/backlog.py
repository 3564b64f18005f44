"""The queue of deliveries in the database: claims, retries, limits.

A webhook fails as a whole: after a failure it is paused, first for 10 s, then for longer, and one
request tests whether it works again. A process claims a webhook before it delivers to it, so that
no other does; the claim of a process that died expires. The queue of a webhook is bounded in number
and in age. Deliveries that are given up are counted at the webhook, and logged.
"""

import logging
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.utils import timezone

from liveblog.models import Delivery, Webhook
from liveblog.stream.frames import timestamp
from liveblog.stream.lock_timeouts import limit_lock_waits
from liveblog.stream.pruning import BATCH, BUDGET, delete_in_batches
from liveblog.webhooks.messages import Response

logger = logging.getLogger(__name__)

# s after a delivery's first, second … failure; the last is a day later: staff may have reacted.
BACKOFF = (10, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
# s: a repaired server gets its messages after at most this time; one request in this time costs
# neither side anything.
MAX_PAUSE = 600
CLAIM = timedelta(seconds=60)  # a process that claims a webhook and dies delays it by this
LIFETIME = timedelta(days=3)  # an outage over a weekend loses nothing
MAX_BACKLOG = 1000  # deliveries of one webhook; some 20 MB of the longest posts
KEPT = timedelta(days=7)  # in the log
MAX_ERROR_LENGTH = 200  # characters

# Client errors that mean "try again later".
RETRYABLE = {408, 425, 429}


def claimable(now: datetime) -> models.QuerySet[Webhook]:
    """The webhooks that have a delivery that may be sent now."""
    due = Delivery.objects.filter(webhook=OuterRef("pk"), due__lte=now)
    return Webhook.objects.filter(
        Q(paused_until=None) | Q(paused_until__lte=now),
        Q(claimed_until=None) | Q(claimed_until__lte=now),
        Exists(due),
        active=True,
    )


def anything_due() -> bool:
    return claimable(timezone.now()).exists()


def claim(most: int, most_failing: int, besides: Collection[int] = ()) -> list[Webhook]:
    """Claim up to `most` webhooks, those that have waited longest for their turn first.

    At most `most_failing` of them are webhooks whose last request failed, and those come last, so
    that a webhook that works does not wait for one that does not.
    """
    now = timezone.now()
    rows = claimable(now).exclude(pk__in=besides).order_by(F("served").asc(nulls_first=True), "pk")
    # `no_key`: a delivery that is being written has a foreign key to the row. A row that is locked
    # otherwise is being edited: the next round claims it.
    free = rows.select_for_update(skip_locked=True, no_key=True, of=("self",))
    if not rows.exists():  # on SQLite the transaction would take the write lock
        return []
    with transaction.atomic():
        claimed = list(free.filter(failures=0)[:most])
        claimed += free.filter(failures__gt=0)[: max(0, min(most - len(claimed), most_failing))]
        Webhook.objects.filter(pk__in=[hook.pk for hook in claimed]).update(
            claimed_until=now + CLAIM, served=now
        )
    return claimed


def release(webhook_id: int) -> None:
    Webhook.objects.filter(pk=webhook_id).update(claimed_until=None)


def next_delivery(webhook_id: int) -> Delivery | None:
    """The webhook's oldest delivery that is due."""
    rows = Delivery.objects.filter(
        webhook=webhook_id, webhook__active=True, due__lte=timezone.now()
    )
    return rows.select_related("webhook").order_by("due", "pk").first()


@transaction.atomic
def note_response(delivery: Delivery, response: Response) -> None:
    """Store the result of the delivery, and whether its webhook works."""
    now, again = timezone.now(), None
    attempts = delivery.attempts + 1
    if not response.succeeded and attempts <= len(BACKOFF):
        again = now + timedelta(seconds=BACKOFF[attempts - 1])
    Delivery.objects.filter(pk=delivery.pk).update(
        attempts=attempts,
        status=response.status,
        error=response.error[:MAX_ERROR_LENGTH],
        delivered=now if response.succeeded else None,
        due=again,
    )
    if response.succeeded:
        note_success(delivery.webhook, now)
    else:
        note_failure(delivery, response, now, again)


def note_success(hook: Webhook, now: datetime) -> None:
    if not hook.failures:
        return
    Webhook.objects.filter(pk=hook.pk).update(failures=0, paused_until=None)
    if hook.failures > 1:
        # It was unavailable and works again: deliveries that failed because of that are due now.
        missed = Delivery.objects.filter(webhook=hook, due__gt=now)
        missed.filter(Q(status=None) | Q(status__gte=500) | Q(status__in=RETRYABLE)).update(due=now)


def note_failure(
    delivery: Delivery, response: Response, now: datetime, again: datetime | None
) -> None:
    # A server that refuses one message works: its pauses do not grow.
    failures = 0 if is_refusal(response) else delivery.webhook.failures + 1
    pause = min(BACKOFF[min(max(failures, 1), len(BACKOFF)) - 1], MAX_PAUSE)
    Webhook.objects.filter(pk=delivery.webhook_id).update(
        failures=failures,
        paused_until=now + timedelta(seconds=pause),
        dropped=F("dropped") + int(again is None),
    )
    outlook = f"next try at {timestamp(again)}" if again else "given up"
    logger.warning(
        "Webhook %s did not accept delivery %s: %s; %s",
        *(delivery.webhook_id, delivery.pk, response.error, outlook),
    )


def is_refusal(response: Response) -> bool:
    """Whether the server works and rejects this message."""
    status = response.status
    return status is not None and 400 <= status < 500 and status not in RETRYABLE


# Giving up


class Waiting(NamedTuple):
    """A webhook's queue. `oldest`: when its first delivery was queued."""

    webhook_id: int
    number: int
    oldest: datetime


def waiting_by_webhook() -> list[Waiting]:
    """The queue of each webhook that has one, including inactive webhooks."""
    rows = Delivery.objects.exclude(due=None).order_by().values("webhook_id")
    counted = rows.annotate(number=Count("pk"), oldest=Min("queued"))
    return [Waiting(row["webhook_id"], row["number"], row["oldest"]) for row in counted]


def expire() -> int:
    """Give up deliveries that are older than LIFETIME, and the oldest beyond MAX_BACKLOG.

    Returns how many.
    """
    limit, count = timezone.now() - LIFETIME, 0
    for hook in waiting_by_webhook():
        queue = Delivery.objects.filter(webhook=hook.webhook_id).exclude(due=None)
        rows = queue.order_by("queued", "pk")
        given_up = 0
        if hook.oldest < limit:
            reason = f"not delivered within {LIFETIME.days} days"
            old = rows.filter(queued__lt=limit)
            given_up = give_up(hook.webhook_id, old, hook.number, reason)
        excess = hook.number - given_up - MAX_BACKLOG
        if excess > 0:
            reason = f"more than {MAX_BACKLOG} deliveries were waiting"
            given_up += give_up(hook.webhook_id, rows, excess, reason)
        count += given_up
    return count


def give_up(webhook_id: int, rows: models.QuerySet[Delivery], most: int, reason: str) -> int:
    """Give up the first `most` of the rows, for BUDGET seconds at most. Returns how many."""
    limit_lock_waits()
    ends, count = time.monotonic() + BUDGET, 0
    while count < most and time.monotonic() < ends:
        with transaction.atomic():
            batch = rows.select_for_update(skip_locked=True, of=("self",))
            keys = list(batch.values_list("pk", flat=True)[: min(BATCH, most - count)])
            Delivery.objects.filter(pk__in=keys).update(due=None, error=f"given up: {reason}")
            hook = Webhook.objects.filter(pk=webhook_id)
            hook.update(dropped=F("dropped") + len(keys))
        if not keys:
            break
        count += len(keys)
    if count:
        logger.error("Webhook %s: %d deliveries were given up: %s", webhook_id, count, reason)
    return count


def prune() -> int:
    """Delete deliveries from the log that were done longer ago than KEPT. Returns how many."""
    return delete_in_batches(Delivery.objects.filter(due=None, created__lt=timezone.now() - KEPT))
