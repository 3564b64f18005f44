"""Signatures of Standard Webhooks 1.0: `v1,` and base64 of HMAC-SHA256.

Signed is `<id>.<timestamp>.<body>`, with the bytes of the webhook's secret.
"""

import base64
import hashlib
import hmac
import time

from liveblog.models import Delivery


def headers_of(delivery: Delivery, body: bytes) -> dict[str, str]:
    """The headers of a request that is sent now. Raises ValueError for an invalid secret."""
    name, now = f"delivery-{delivery.pk}", int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "liveblog",
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(delivery.webhook.secret, name, now, body),
    }


def signature(secret: str, name: str, moment: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"%s.%d.%s" % (name.encode(), moment, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
