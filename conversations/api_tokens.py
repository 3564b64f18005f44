"""API_TOKENS: which programs may use the HTTP API."""

import hmac

from django.conf import settings
from django.http import HttpRequest


def token_of(request: HttpRequest) -> str | None:
    """The token of `Authorization: Bearer <token>` (RFC 6750, 2.1) if it is one of API_TOKENS."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        return None
    # Compare with each: the time must not depend on which one matches.
    tokens = [known.encode() for known in settings.API_TOKENS]
    found = [hmac.compare_digest(token.encode(), known) for known in tokens]
    return token if any(found) else None
