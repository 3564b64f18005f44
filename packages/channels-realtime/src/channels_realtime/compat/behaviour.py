"""Where the legacy packages work, but behave in a way that a project cannot live with."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


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
