"""The language of what is sent to a socket: that of its handshake, as for a page."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec

from channels.handler import AsgiRequest
from channels.message import Message
from django.conf import settings
from django.utils import translation

from proj.languages import language_of

P = ParamSpec("P")
Consumer = Callable[Concatenate[Message, P], None]


def in_their_language(consumer: Consumer[P]) -> Consumer[P]:
    """The decorator for consumers that answer in words; goes inside `channel_session`.

    The language ends with the message: the worker's next one is of another socket.
    """

    @functools.wraps(consumer)
    def inner(message: Message, *args: P.args, **kwargs: P.kwargs) -> None:
        with language_of_socket(message):
            consumer(message, *args, **kwargs)

    return inner


@contextmanager
def language_of_socket(message: Message) -> Iterator[None]:
    """Translate into the language of the socket within the block."""
    session = message.channel_session
    if message.channel.name == "websocket.connect":
        session["language"] = language_of(AsgiRequest(message))
    with translation.override(session.get("language", settings.LANGUAGE_CODE)):
        yield
