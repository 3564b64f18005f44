"""Where the legacy packages work, but behave in a way that a project cannot live with."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from channels_realtime.compat.late import patch_when_imported

STATIC_RUNSERVER = "django.contrib.staticfiles.management.commands.runserver"


def outlast_blpop() -> None:
    """redis-py 8 gives up on a socket after 5 s, just when an idle BLPOP of 5 s would answer."""
    from asgi_redis.core import RedisChannelLayer

    original = RedisChannelLayer._generate_connections

    def _generate_connections(
        self: RedisChannelLayer, hosts: Sequence[Any], redis_kwargs: Mapping[str, Any]
    ) -> list[Any]:
        # Twice the longest wait: a reply comes by then, or the connection is dead.
        timeout = {"socket_timeout": 2 * self.blpop_timeout}
        connections: list[Any] = original(self, hosts, timeout | dict(redis_kwargs))
        return connections

    RedisChannelLayer._generate_connections = _generate_connections


def name_sessions_by_reply_channel() -> None:
    """channels passes its session engine a hash of the reply channel's name.

    An engine that has a `session_for_reply_channel` gets the name itself, by which it can tell the
    interface server that the session belongs to.
    """
    import channels.sessions
    from django.conf import settings

    original = channels.sessions.session_for_reply_channel

    def session_for_reply_channel(reply_channel: str) -> Any:
        name = getattr(settings, "CHANNEL_SESSION_ENGINE", settings.SESSION_ENGINE)
        engine = importlib.import_module(name)
        return getattr(engine, "session_for_reply_channel", original)(reply_channel)

    channels.sessions.session_for_reply_channel = session_for_reply_channel


def bound_enforce_ordering() -> None:
    """channels' enforce_ordering waits for ever for a message that failed or was lost.

    The replacement serves messages of our channel layer; those of another one are left to channels'
    own. It is imported when a consumer is first decorated: it needs the worker's modules, which a
    project that uses the bridges alone loads for no other reason.
    """
    import channels.sessions

    stock = channels.sessions.enforce_ordering

    def enforce_ordering(
        func: Callable[..., Any] | None = None, slight: bool = False
    ) -> Callable[..., Any]:
        if func is None or slight:
            stock(func, slight)  # raises ValueError for `slight`
            return enforce_ordering
        from channels_realtime.worker.ordering import enforce_ordering as bounded

        return bounded(func, stock(func))

    channels.sessions.enforce_ordering = enforce_ordering


def let_responses_come_later() -> None:
    """Django 1.10 and later turn AsgiRequest.ResponseLater, raised by a view, into a response 500.

    It converts exceptions between any two middlewares. This one is no error: it passes all of them
    and reaches channels' handler, which then sends no response. The view has arranged for one.
    """
    import django.core.handlers.exception
    from channels.exceptions import ResponseLater
    from django.http import HttpRequest, HttpResponseBase

    handling = vars(django.core.handlers.exception)
    original: Callable[[HttpRequest, Exception], HttpResponseBase]
    original = handling["response_for_exception"]

    def response_for_exception(request: HttpRequest, exc: Exception) -> HttpResponseBase:
        if isinstance(exc, ResponseLater):
            raise exc
        return original(request, exc)

    handling["response_for_exception"] = response_for_exception


def close_sockets_by_exception() -> None:
    """WebsocketCloseException expects a reply channel whose name begins with "websocket.".

    Daphne 1.0 changed the name, so that the exception ended the worker and closed no socket.
    """
    from channels.exceptions import WebsocketCloseException

    def run(self: WebsocketCloseException, message: Any) -> None:
        if message.reply_channel is None or message.channel.name.startswith("http."):
            raise ValueError("WebsocketCloseException is for consumers of WebSockets only.")
        message.reply_channel.send({"close": self._code or True})

    WebsocketCloseException.run = run


def load_the_development_server_late() -> None:
    """channels loads its runserver, with Daphne and Autobahn, in every process that sets Django up.

    It replaces the base class of staticfiles' runserver. Here that is done when this command is
    imported, so that a worker starts 0.2 s earlier.
    """
    import channels.hacks

    replace = channels.hacks.monkeypatch_django

    def monkeypatch_django() -> None:
        if STATIC_RUNSERVER in sys.modules:
            replace()
        else:
            patch_when_imported(STATIC_RUNSERVER, lambda _: replace())

    channels.hacks.monkeypatch_django = monkeypatch_django
