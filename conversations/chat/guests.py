"""What the chat calls somebody who is not logged in.

The chat's page hands out a signed cookie, so that a guest keeps one name over reconnects, and stays
muted. A space in the name keeps it apart from every username.
"""

from channels.handler import AsgiRequest
from django.utils.crypto import get_random_string

COOKIE = "guest"
KEPT = 30 * 86_400  # s
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is taken for another


def new_guest() -> str:
    return f"Guest {get_random_string(6, LETTERS)}"


def read(request) -> str | None:
    return request.get_signed_cookie(COOKIE, None, salt=COOKIE, max_age=KEPT)


def remember(response, name) -> None:
    """Let the browser keep its guest's name."""
    response.set_signed_cookie(
        COOKIE, name, salt=COOKIE, max_age=KEPT, httponly=True, samesite="Lax"
    )


def of_handshake(message) -> str:
    """The name in the handshake's cookie, else a new one that ends with the socket."""
    return read(AsgiRequest(message)) or new_guest()
