"""Refusing a WebSocket: one sentence in an `error` frame, then the close code."""

import functools
from urllib.parse import urlsplit

from channels.exceptions import DenyConnection
from django.conf import settings
from django.http.request import validate_host

from liveblog.frames import encode


def refuse(message, code, frame):
    """Accept, say why not, and close: a browser shows no body or code of a refused handshake."""
    message.reply_channel.send({"accept": True, "text": encode(frame), "close": code})


def reply(message, frame):
    """Answer this socket alone; it stays open."""
    message.reply_channel.send({"text": encode(frame)})


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


def bracketed(host):
    """ALLOWED_HOSTS writes IPv6 addresses in brackets, urlsplit strips them."""
    return f"[{host}]" if ":" in host else host
