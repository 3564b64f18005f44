"""The request that carries an alert to a push service (RFC 8030)."""

from datetime import datetime, timedelta

from django.core import signing
from django.urls import reverse
from django.utils import translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from conversations.json_text import encode
from liveblog.alerts.encryption import encrypt
from liveblog.alerts.endpoints import origin_of
from liveblog.alerts.models import Alert, AlertDelivery, AlertSubscription
from liveblog.alerts.vapid import authorization, from_base64url
from liveblog.text.excerpts import title_of
from liveblog.webhooks.messages import Request

LONGEST_TITLE = 120  # characters; phones show some 40, and desktops two lines
# A device that was off gets an alert up to this age, and of a blog the newest one only.
USEFUL_FOR = timedelta(hours=4)
# A token has no expiry: leaving must always work.
LEAVE = signing.Signer(salt="liveblog.alerts.leave")


def leave_token(subscription: AlertSubscription) -> str:
    """A token that ends the subscription. Each of its alerts contains it."""
    return LEAVE.sign(str(subscription.pk))


def request_of(delivery: AlertDelivery, now: datetime) -> Request:
    """The request to the subscription's push service.

    `delivery`: with its subscription, alert, update and blog. Raises ValueError for a bad key.
    """
    subscription = delivery.subscription
    body = encode(content_of(delivery.alert, subscription)).encode()
    left = int((delivery.alert.created + USEFUL_FOR - now).total_seconds())
    return Request(
        subscription.endpoint,
        {
            "Authorization": authorization(origin_of(subscription.endpoint)),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(0, left)),
            "Topic": topic_of(delivery),
            "Urgency": "normal",
            "User-Agent": "liveblog",
        },
        encrypt(body, from_base64url(subscription.p256dh), from_base64url(subscription.auth)),
    )


def topic_of(delivery: AlertDelivery) -> str:
    """At most 32 characters. A message replaces one with its topic that waits for the device.

    One that failed before may come after a newer one of its blog, which it must not replace.
    """
    alert = delivery.alert
    return f"event-{alert.pk}" if delivery.attempts else f"blog-{alert.blog_id}"


def content_of(alert: Alert, subscription: AlertSubscription) -> dict[str, str]:
    """What sw.js shows. Addresses are paths: it adds its own origin."""
    with translation.override(subscription.language):
        leave_text = _("Stop these alerts")
    leave = reverse("liveblog:leave_alerts", args=[leave_token(subscription)])
    return {
        "title": Truncator(title_of(alert.update)).chars(LONGEST_TITLE),
        "body": alert.blog.title,
        "tag": f"event-{alert.pk}",
        "url": alert.update.get_absolute_url(),
        "leave": leave,
        "leave_text": leave_text,
    }
