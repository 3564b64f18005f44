"""API_TOKENS: who may use the HTTP API."""

import hmac

from django.conf import settings


def token_of(request) -> str | None:
    """The token of `Authorization: Bearer <token>` (RFC 6750, 2.1) if it is one of API_TOKENS."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        return None
    # Compare with each, so that the time tells nothing.
    tokens = [known.encode() for known in settings.API_TOKENS]
    found = [hmac.compare_digest(token.encode(), known) for known in tokens]
    return token if any(found) else None
