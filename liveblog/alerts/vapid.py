"""Signs requests to push services with the site's key (VAPID, RFC 8292)."""

import base64
import json
import time
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings

from liveblog.alerts.encryption import CURVE, point_of

LIFETIME = 12 * 3600  # s; at most a day (section 2)
REUSED = 3600  # s for which requests to a push service carry the same token, which it may cache


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Raises ValueError for what is none; the padding may be missing."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded, altchars="-_", validate=True)


@lru_cache(maxsize=1)
def key_pair(private_key: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_base64url(private_key)), CURVE)


def public_key() -> str:
    """What browsers subscribe to: the `applicationServerKey`."""
    return base64url(point_of(key_pair(settings.VAPID_PRIVATE_KEY).public_key()))


def authorization(origin: str) -> str:
    """The header of a request to a push service with this origin (RFC 6454, section 6.2)."""
    return signed(origin, settings.VAPID_PRIVATE_KEY, int(time.time()) // REUSED)


@lru_cache(maxsize=256)
def signed(origin: str, private_key: str, turn: int) -> str:
    """A JWT (RFC 7519) with the algorithm ES256 (RFC 7518, section 3.4)."""
    key = key_pair(private_key)
    claims = {"aud": origin, "exp": turn * REUSED + LIFETIME, "sub": settings.ALERTS_CONTACT}
    parts = ({"typ": "JWT", "alg": "ES256"}, claims)
    content = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    r, s = decode_dss_signature(key.sign(content.encode(), ec.ECDSA(SHA256())))
    token = f"{content}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"
    return f"vapid t={token}, k={base64url(point_of(key.public_key()))}"
