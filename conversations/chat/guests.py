"""The names of users of the chat who are not logged in.

The chat's page sets a signed cookie, so that a guest keeps one name over reconnects, and stays
muted. The space in the name cannot occur in a username.
"""

from channels.handler import AsgiRequest
from channels.message import Message
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

COOKIE = "guest"
COOKIE_AGE = 30 * 86_400  # s
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that can be mistaken for another


def new_guest() -> str:
    return f"Guest {get_random_string(6, LETTERS)}"


def read(request: HttpRequest) -> str | None:
    return request.get_signed_cookie(COOKIE, None, salt=COOKIE, max_age=COOKIE_AGE)


def remember(response: HttpResponse, name: str) -> None:
    """Let the browser store the name of its guest."""
    response.set_signed_cookie(
        COOKIE,
        name,
        salt=COOKIE,
        max_age=COOKIE_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def of_handshake(message: Message) -> str:
    """The name in the handshake's cookie, else a new one for this socket only."""
    return read(AsgiRequest(message)) or new_guest()
