"""Checks what browsers send: the endpoint of a subscription, and its keys.

Anybody may name an endpoint, and the site will send requests to it. So it must be an https address
of a public host, checked here and again when the socket is opened.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils.translation import gettext as _

from conversations.refusals import Refusal
from liveblog.alerts.encryption import CURVE
from liveblog.alerts.models import LONGEST_ENDPOINT
from liveblog.alerts.vapid import base64url, from_base64url
from liveblog.webhooks.addresses import is_allowed_host, is_public_or_in


class Keys(NamedTuple):
    """As base64url without padding."""

    p256dh: str
    auth: str


def may_reach(address: str) -> bool:
    """Whether alerts may be sent to the address. Raises ValueError for what is none."""
    return is_public_or_in(settings.ALERTS_NETWORKS, address)


def origin_of(endpoint: str) -> str:
    """Scheme, host and port (RFC 6454, section 6.2)."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(':443')}"


def checked_endpoint(value: object) -> str:
    """The endpoint. Raises Refusal."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ENDPOINT:
        raise bad_endpoint()
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise bad_endpoint() from None
    is_plain = value.isascii() and value.isprintable() and " " not in value
    if parts.scheme != "https" or not host or "@" in parts.netloc or not is_plain:
        raise bad_endpoint()
    if not is_allowed_host(host, may_reach):
        raise bad_endpoint()
    return value


def checked_keys(value: object) -> Keys:
    """The keys of `PushSubscription.toJSON()`. Raises Refusal."""
    try:
        if not isinstance(value, dict):
            raise ValueError("no object")
        point, secret = (from_base64url(str(value.get(name))) for name in Keys._fields)
        if len(point) != 65 or len(secret) != 16:
            raise ValueError("not of this length")
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError:
        sentence = _("The keys of this subscription are not valid.")
        raise Refusal("bad_keys", sentence, status=422) from None
    return Keys(base64url(point), base64url(secret))


def bad_endpoint() -> Refusal:
    sentence = _("The address of this subscription is not one of a public push service.")
    return Refusal("bad_endpoint", sentence, status=422)
