"""The language of what a socket is told: its handshake's, as a page's is its request's."""

import functools

from channels.handler import AsgiRequest
from django.conf import settings
from django.utils import translation

from proj.languages import language_of


def in_their_language(consumer):
    """The decorator for consumers that answer in words; inside of `channel_session`.

    The language ends with the message: the worker's next one is somebody else's.
    """

    @functools.wraps(consumer)
    def inner(message, *args, **kwargs):
        session = message.channel_session
        if message.channel.name == "websocket.connect":
            session["language"] = language_of(AsgiRequest(message))
        with translation.override(session.get("language", settings.LANGUAGE_CODE)):
            return consumer(message, *args, **kwargs)

    return inner
