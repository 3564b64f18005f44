"""Refusing a WebSocket or one of its messages: an `error` frame, and a close code where it ends."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec
from urllib.parse import parse_qs, urlencode, urlsplit

from channels.exceptions import DenyConnection
from channels.message import Message
from channels_realtime.close_codes import NOT_LOGGED_IN, TRY_AGAIN_LATER
from django.conf import settings
from django.http.request import validate_host
from django.utils.http import is_same_domain
from django.utils.translation import gettext as _

from conversations.json_text import encode
from conversations.refusals import Refusal
from database.outages import OUTAGES, reason_of

logger = logging.getLogger(__name__)

P = ParamSpec("P")
Consumer = Callable[Concatenate[Message, P], None]


def reply(message: Message, frame: object) -> None:
    """Send a frame to this socket alone; it stays open."""
    message.reply_channel.send({"text": encode(frame)})


def refuse(message: Message, refusal: Refusal) -> None:
    """Send the refusal; a close code ends the socket.

    A handshake is accepted first: a browser shows neither body nor code of one that is rejected.
    """
    if refusal.close_code is None:
        reply(message, refusal.frame)
        return
    text = encode(refusal.frame)
    message.reply_channel.send({"accept": True, "text": text, "close": refusal.close_code})


def sends_refusals(consumer: Consumer[P]) -> Consumer[P]:
    """The decorator for consumers that raise Refusal; the innermost one.

    With `enforce_ordering` the refusal must be sent before the socket's next message may run.
    """

    @functools.wraps(consumer)
    def inner(message: Message, *args: P.args, **kwargs: P.kwargs) -> None:
        with sending_refusals(message):
            consumer(message, *args, **kwargs)

    return inner


@contextmanager
def sending_refusals(message: Message) -> Iterator[None]:
    """Send a Refusal that is raised in the block to the message's socket."""
    try:
        yield
    except Refusal as refusal:
        refuse(message, refusal)


def answers_outages(consumer: Consumer[P]) -> Consumer[P]:
    """The decorator for consumers that read the database: an outage is sent to the client.

    A connect is refused with TRY_AGAIN_LATER. An open socket stays open, and its client can retry.
    """

    @functools.wraps(consumer)
    def inner(message: Message, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            consumer(message, *args, **kwargs)
        except OUTAGES as error:
            logger.error("%s: the database failed: %s", message.channel.name, reason_of(error))
            sentence = _("The database is temporarily unavailable. Please try again in a moment.")
            is_connect = message.channel.name == "websocket.connect"
            close_code = TRY_AGAIN_LATER if is_connect else None
            refuse(message, Refusal("unavailable", sentence, 503, close_code))

    return inner


def same_origin_only(message: Message) -> None:
    """Raise DenyConnection (403 at the handshake) for an Origin that is not one of our pages.

    Clients that are not browsers send no Origin, and no cookie that another site could abuse.
    """
    headers = {name: value.decode("latin1") for name, value in message.content["headers"]}
    if b"origin" in headers and not is_ours(
        headers[b"origin"], headers.get(b"host", ""), message.content.get("scheme", "ws")
    ):
        raise DenyConnection()


def is_ours(origin: str, host: str, scheme: str) -> bool:
    """Whether pages of the origin may open a WebSocket to the host: Django's rule for forms.

    That is the request's own origin (scheme, host and port), or one of CSRF_TRUSTED_ORIGINS. Where
    no proxy is trusted, it is not known whether the reader's connection is encrypted.
    """
    try:
        name = urlsplit(origin).hostname
    except ValueError:
        return False
    if not name or not validate_host(bracketed(name), settings.ALLOWED_HOSTS):
        return False
    is_encrypted = {"ws": [False], "wss": [True]}[scheme]
    if not settings.ENVIRONMENT.TRUSTED_HOPS:
        is_encrypted = [False, True]
    own = {f"http{'s' if each else ''}://{host.lower()}" for each in is_encrypted}
    return origin.lower() in own or any(
        matches(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS
    )


def matches(origin: str, trusted: str) -> bool:
    """`trusted`: an origin, or one with `*.` before its domain."""
    scheme, _, domain = trusted.partition("://")
    parts = urlsplit(origin)
    return parts.scheme == scheme and is_same_domain(parts.netloc, domain.removeprefix("*"))


def our_pages_only(ws_connect: Consumer[P]) -> Consumer[P]:
    """The decorator for consumers that read the handshake's cookies; the outermost one.

    It checks the Origin before anything is stored for the socket, and hides the query string.
    """

    @functools.wraps(ws_connect)
    def inner(message: Message, *args: P.args, **kwargs: P.kwargs) -> None:
        same_origin_only(message)
        hide_query(message)
        ws_connect(message, *args, **kwargs)

    return inner


def hide_query(message: Message) -> None:
    """Leave nothing of the query string but `after`, which several conversations know.

    channels would look for a session key there, and addresses end up in logs.
    """
    found = parse_qs(message.content["query_string"].decode("latin1"))
    kept = {"after": found["after"][0]} if "after" in found else {}
    message.content["query_string"] = urlencode(kept).encode()


def not_logged_in(sentence: str) -> Refusal:
    return Refusal("not_logged_in", sentence, 401, NOT_LOGGED_IN)


def users_only(ws_receive: Consumer[P]) -> Consumer[P]:
    """The decorator for `ws_receive` where `ws_connect` admits only users who are logged in.

    Goes inside `channel_session_user`. The socket was admitted, so an anonymous user here means
    that Redis lost the session, or that the user has logged out since. Only the handshake can tell
    which: the socket is closed with TRY_AGAIN_LATER, and a user who may no longer connect gets the
    final code there.
    """

    @functools.wraps(ws_receive)
    def inner(message: Message, *args: P.args, **kwargs: P.kwargs) -> None:
        if message.user.is_authenticated:
            ws_receive(message, *args, **kwargs)
        else:
            refuse(message, Refusal("session_lost", _("Please reconnect."), 401, TRY_AGAIN_LATER))

    return inner


def bracketed(host: str) -> str:
    """ALLOWED_HOSTS has IPv6 addresses in brackets, which urlsplit removes."""
    return f"[{host}]" if ":" in host else host
