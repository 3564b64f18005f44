"""Alerts, who gets them, and the queue of their deliveries. See liveblog.alerts."""

from datetime import datetime, timedelta
from hashlib import sha256

from django.db import models
from django.utils import timezone

MAX_AGE = timedelta(hours=1)  # after that it is no news: a page shows it, but nobody is alerted
LONGEST_ENDPOINT = 1000  # characters; the longest in use have some 500


def digest_of(endpoint: str) -> str:
    """What identifies a browser: endpoints are too long for an index."""
    return sha256(endpoint.encode()).hexdigest()


class AlertSubscription(models.Model):
    """A browser that wants the alerts of a blog; nothing else is known of its reader.

    `endpoint`: where its push service takes messages. `p256dh`, `auth`: its keys, as base64url
    (RFC 8291, section 2). These three are all that is needed to send to the browser.
    """

    blog = models.ForeignKey("liveblog.LiveBlog", models.CASCADE, related_name="subscriptions")
    endpoint = models.CharField(max_length=LONGEST_ENDPOINT)
    digest = models.CharField(max_length=64, db_index=True)  # digest_of(endpoint)
    p256dh = models.CharField(max_length=90)
    auth = models.CharField(max_length=24)
    language = models.CharField(max_length=10)  # of the reader, for the notification's button
    created = models.DateTimeField(default=timezone.now)
    # Failures in a row, and when the first of them was.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["blog", "digest"], name="one_subscription_a_browser")
        ]

    def __str__(self) -> str:
        return f"{self.blog_id} → {self.digest[:8]}"


class Alert(models.Model):
    """A key event, once: the row stays, so that the event is never sent a second time.

    `reached`: the id of the last subscription that has a delivery. `queued`: when all had, or when
    it was decided that none gets one. The numbers count deliveries; `dropped` also deletes the
    subscription.
    """

    blog = models.ForeignKey("liveblog.LiveBlog", models.CASCADE, related_name="alerts")
    update = models.OneToOneField("liveblog.BlogUpdate", models.CASCADE, related_name="alert")
    created = models.DateTimeField(default=timezone.now)
    reached = models.PositiveBigIntegerField(default=0)
    queued = models.DateTimeField(null=True)
    expired = models.BooleanField(default=False)  # reached too late to be news
    sent = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    dropped = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(queued__isnull=True), name="alert_not_queued"
            )
        ]

    def __str__(self) -> str:
        return str(self.update_id)

    def is_news(self, now: datetime) -> bool:
        """Whether it may be sent: it is young, and the update is still there and a key event."""
        return not self.is_old(now) and self.update.key_event and not self.update.deleted

    def is_old(self, now: datetime) -> bool:
        return self.created < now - MAX_AGE


class AlertDelivery(models.Model):
    """One message to one subscription; deleted when it was sent or given up.

    `due`: when it may be sent next. A process that claims it makes it due later, so that another
    one takes over if it dies. `failing`: whether the last message to the subscription failed.
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    subscription = models.ForeignKey(AlertSubscription, models.CASCADE, related_name="+")
    due = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    failing = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "subscription"], name="one_delivery_a_subscription"
            )
        ]
        indexes = [models.Index(fields=["failing", "due", "id"], name="alert_queue")]

    def __str__(self) -> str:
        return f"{self.alert_id} → {self.subscription_id}"
