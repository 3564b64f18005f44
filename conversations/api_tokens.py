"""API_TOKENS: which programs may use the HTTP API, and how often a token may be guessed."""

import hmac
import logging

from django.conf import settings
from django.http import HttpRequest

from conversations.addresses import address_of
from conversations.rate_limits import Limit
from conversations.redis_store import key, layer, redis

logger = logging.getLogger(__name__)

# Wrong tokens per address. A program with a mistyped token waits five minutes once it is corrected.
GUESSES = Limit("wrong-tokens", most=20, seconds=300, flood=0)
KNOWN = 30 * 86_400  # s for which an address that has used a right token is remembered


class TooManyGuesses(Exception):
    """Too many wrong tokens came from the client's address. `wait`: seconds to the next try."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


def token_of(request: HttpRequest) -> str | None:
    """The token of `Authorization: Bearer <token>` (RFC 6750, 2.1) if it is one of API_TOKENS.

    After too many wrong tokens no token is compared any more, so guessing on is of no use. A token
    that the same address has used before is exempt: programs behind a shared address go on.

    Raises TooManyGuesses, and Redis's errors.
    """
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        return None
    address = address_of(request)
    if not is_right(token):
        count_guess(address)
        return None
    known = key("token", address, token)
    if not redis().expire(known, KNOWN):
        if GUESSES.is_used_up(address):
            raise TooManyGuesses(GUESSES.wait(address))
        redis().set(known, 1, ex=KNOWN)
    return token


def is_right(token: str) -> bool:
    # Compare with each: the time must not depend on which one matches.
    tokens = [known.encode() for known in settings.API_TOKENS]
    return any([hmac.compare_digest(token.encode(), known) for known in tokens])


def count_guess(address: str) -> None:
    """Count a wrong token. Raises TooManyGuesses."""
    layer().count("token_failures")
    number = GUESSES.count(address)
    if number == GUESSES.most:
        where = address or "a unix socket"
        logger.warning("%d wrong API tokens in %d s from %s", number, GUESSES.seconds, where)
    if number > GUESSES.most:
        raise TooManyGuesses(GUESSES.wait(address))
