"""The session engine for channel_session: a session is stored in Redis until its socket closes.

Set CHANNEL_SESSION_ENGINE = "channels_realtime.sessions". Each interface process has a hash in
Redis, with one field per session. The worker that handles a disconnect deletes the session of the
socket. When an interface process has ended, its hash is deleted.

A new socket has no session, so its `websocket.connect` loads none, and its session is written in
one round trip with the first message to the socket; see channels_realtime.worker.conversation.

On another channel layer, such as the in-memory layer that channels.test uses, sessions are stored
where channels stores them without CHANNEL_SESSION_ENGINE.
"""

import hashlib
import importlib
from typing import Any

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.backends import cache
from django.contrib.sessions.backends.base import CreateError, SessionBase
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.envelope import MESSAGE, STAMP
from channels_realtime.worker.conversation import ending, new_conversation

BACKENDS = "django.contrib.sessions.backends"
MOST_IN_MEMORY = 100_000  # sessions; Django's default of 300 is fewer than sockets may be open


def deletion() -> Command[None] | None:
    """The command that deletes a session, after a consumer has handled its socket's disconnect.

    None if the message was no disconnect, or if another engine or layer stores the sessions.
    """
    name = ending()
    if name is None or not is_our_engine():
        return None
    layer = channel_layers[DEFAULT_CHANNEL_LAYER].channel_layer
    return SessionStore(reply_channel=name).delete_command() if is_ours(layer) else None


def is_our_engine() -> bool:
    """Whether the project stores channel sessions with this engine."""
    engine: str = getattr(settings, "CHANNEL_SESSION_ENGINE", settings.SESSION_ENGINE)
    return engine == __name__


def is_ours(layer: object) -> bool:
    """Whether the channel layer is one of this package, which stores sessions."""
    return isinstance(layer, Transport)


def session_for_reply_channel(reply_channel: str) -> SessionBase:
    """The session of a socket. channels_realtime.compat makes channels.sessions call this.

    Raises:
        ImproperlyConfigured: neither the channel layer nor SESSION_ENGINE can store sessions.
    """
    wrapper = channel_layers[DEFAULT_CHANNEL_LAYER]
    session: SessionBase
    if is_ours(wrapper.channel_layer):
        session = SessionStore("chn" + reply_channel, reply_channel)
        session.keys()  # load it now
        return session
    # channels' key, which fits into the 40 characters of Django's engines.
    key = "chn" + hashlib.sha1(reply_channel.encode()).hexdigest()[:29]
    if can_store(settings.SESSION_ENGINE):
        session = importlib.import_module(settings.SESSION_ENGINE).SessionStore(key)
    elif wrapper.local_only():
        session = MemoryStore(key)
    else:
        raise ImproperlyConfigured(
            "CHANNEL_SESSION_ENGINE = 'channels_realtime.sessions' stores sessions in the channel"
            f" layer of channels_realtime, not in {wrapper}, where it needs a SESSION_ENGINE that"
            f" stores sessions on the server, which {settings.SESSION_ENGINE} does not do here."
        )
    session.keys()
    session._session_key = key  # loading a session that is not there has reset it
    return session


def can_store(engine: str) -> bool:
    """Whether a Django session engine can store the session of a socket in this project."""
    if engine in (f"{BACKENDS}.db", f"{BACKENDS}.cached_db"):
        # Django's default, also of a project that has no sessions.
        return apps.is_installed("django.contrib.sessions")
    return engine not in (f"{BACKENDS}.signed_cookies", __name__)


class MemoryStore(cache.SessionStore):
    """A session in the memory of this process, for a channel layer that is in memory too."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        options = {"OPTIONS": {"MAX_ENTRIES": MOST_IN_MEMORY}}
        self._cache = LocMemCache("channels_realtime.sessions", options)


class SessionStore(SessionBase):
    """The session of one reply channel, on a channel layer of this package."""

    def __init__(self, session_key: str | None = None, reply_channel: str = "") -> None:
        super().__init__(session_key)
        self.reply_channel = reply_channel
        self.layer: Transport = channel_layers[DEFAULT_CHANNEL_LAYER].channel_layer
        self.found = False

    @property
    def shard(self) -> int:
        """The shard of the messages to the socket, so that Redis stores both in order."""
        process: str = self.layer.non_local_name(self.reply_channel)
        return self.layer.home(process)

    def delete_command(self) -> Command[None]:
        """The command that deletes the session."""
        return self.layer.scripts.session_delete(self.shard, self.reply_channel)

    def load(self) -> dict[str, Any]:
        if new_conversation(self.reply_channel):
            return {}
        packed = self.layer.run(self.layer.scripts.session_load(self.shard, self.reply_channel))
        if packed is None:
            return {}
        self.found = True
        content = self.layer.codec.unpack(bytes(STAMP.size) + packed).content
        # A release before this one stored the values themselves.
        values: dict[str, Any] = (
            self.serializer().loads(content) if isinstance(content, bytes) else content
        )
        return values

    def exists(self, session_key: str) -> bool:
        return self.found

    def create(self) -> None:
        self.save(must_create=True)

    def save(self, must_create: bool = False) -> None:
        """Write the session. `must_create`: Django creates it, because load() has found none.

        Raises the exception of SESSION_SERIALIZER for a value that it cannot store.
        """
        if must_create:
            if self.found:
                raise CreateError
            self.found = True
            return  # an empty session needs no entry
        packed = self.layer.codec.pack(MESSAGE, None, self.serializer().dumps(dict(self.items())))
        expiry = settings.SESSION_COOKIE_AGE
        write = self.layer.scripts.session_save(self.shard, self.reply_channel, expiry, packed)
        if conversation := new_conversation(self.reply_channel):
            conversation.writes.append(write)
        else:
            self.layer.run(write)

    def delete(self, session_key: str | None = None) -> None:
        self.layer.run(self.delete_command())

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing to do: sessions end with their sockets."""
