"""Refusing a WebSocket: one sentence in an `error` frame, then the close code."""

import functools
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from channels.exceptions import DenyConnection
from channels.message import Message
from channels_realtime.close_codes import TRY_AGAIN_LATER
from django.conf import settings
from django.http.request import validate_host
from django.utils.translation import gettext as _

from conversations.json_text import encode, error_frame
from database.outages import OUTAGES, reason_of

logger = logging.getLogger(__name__)

Consumer = Callable[..., None]


def refuse(message, code, frame):
    """Accept, say why not, and close: a browser shows no body or code of a refused handshake."""
    message.reply_channel.send({"accept": True, "text": encode(frame), "close": code})


def reply(message, frame):
    """Answer this socket alone; it stays open."""
    message.reply_channel.send({"text": encode(frame)})


def answers_outages(consumer: Callable[..., None]) -> Callable[..., None]:
    """The decorator for consumers that read the database: where it fails, the client is told.

    A connect is refused with TRY_AGAIN_LATER. An open socket stays, and its client asks again.
    """

    @functools.wraps(consumer)
    def inner(message: Message, *args: Any, **kwargs: Any) -> None:
        try:
            consumer(message, *args, **kwargs)
        except OUTAGES as error:
            logger.error("%s: the database failed: %s", message.channel.name, reason_of(error))
            sentence = _("The database is temporarily unavailable. Please try again in a moment.")
            frame = error_frame("unavailable", sentence)
            if message.channel.name == "websocket.connect":
                refuse(message, TRY_AGAIN_LATER, frame)
            else:
                reply(message, frame)

    return inner


def same_origin_only(message):
    """Raise DenyConnection (403 at the handshake) for an Origin that is not one of our hosts.

    Clients that are no browser send no Origin, and carry no cookie that could be abused.
    """
    for name, value in message.content["headers"]:
        if name == b"origin":
            host = urlsplit(value.decode("latin1")).hostname
            if not host or not validate_host(bracketed(host), settings.ALLOWED_HOSTS):
                raise DenyConnection()


def our_pages_only(ws_connect):
    """The decorator for consumers that read the handshake's cookies; the outermost one.

    It checks the Origin before anything is remembered of the socket, and hides the query string,
    where channels would look for a session key: addresses end up in logs.
    """

    @functools.wraps(ws_connect)
    def inner(message, *args, **kwargs):
        same_origin_only(message)
        message.content["query_string"] = b""
        return ws_connect(message, *args, **kwargs)

    return inner


def users_only(ws_receive: Consumer) -> Consumer:
    """The decorator for `ws_receive` where `ws_connect` admits only users who are logged in.

    Goes inside `channel_session_user`. The socket was admitted, so an anonymous user here means
    that Redis lost the session, or that the user has logged out since. Only the handshake can tell
    which: the socket is closed with TRY_AGAIN_LATER, and a user who may no longer connect gets the
    final code there.
    """

    @functools.wraps(ws_receive)
    def inner(message: Message, *args: Any, **kwargs: Any) -> None:
        if message.user.is_authenticated:
            ws_receive(message, *args, **kwargs)
        else:
            refuse(message, TRY_AGAIN_LATER, error_frame("session_lost", _("Please reconnect.")))

    return inner


def bracketed(host):
    """ALLOWED_HOSTS writes IPv6 addresses in brackets, urlsplit strips them."""
    return f"[{host}]" if ":" in host else host
