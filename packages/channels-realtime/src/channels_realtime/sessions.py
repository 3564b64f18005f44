"""channel_session in Redis: one field of a hash that belongs to the socket's process.

Name this module as CHANNEL_SESSION_ENGINE. A session ends with its socket: the worker that handles
the disconnect deletes it, and a dead process's sessions go with the process.

Where the consumer of a connect saves its session, nothing is loaded, and the session is written
together with what is sent to the socket first; see channels_realtime.worker.conversation.
"""

from typing import Any

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.envelope import MESSAGE, STAMP
from channels_realtime.worker.conversation import ending, new_conversation


def deletion() -> Command[None] | None:
    """The command that deletes the session of the socket whose disconnect was handled, if any."""
    name = ending()
    if name is None or not is_our_engine():
        return None
    return SessionStore(reply_channel=name).delete_command()


def is_our_engine() -> bool:
    engine: str = getattr(settings, "CHANNEL_SESSION_ENGINE", settings.SESSION_ENGINE)
    return engine == __name__


class SessionStore(SessionBase):
    """The session of one reply channel."""

    def __init__(self, session_key: str | None = None, reply_channel: str = "") -> None:
        super().__init__(session_key)
        self.reply_channel = reply_channel
        self.layer: Transport = channel_layers[DEFAULT_CHANNEL_LAYER].channel_layer
        self.found = False

    @classmethod
    def for_reply_channel(cls, reply_channel: str) -> "SessionStore":
        """channels_realtime.compat has channels.sessions call this."""
        session = cls("chn" + reply_channel, reply_channel)
        session.keys()  # loads it
        return session

    @property
    def shard(self) -> int:
        """That of the socket's messages, so that a write is in order with them."""
        process: str = self.layer.non_local_name(self.reply_channel)
        return self.layer.home(process)

    def delete_command(self) -> Command[None]:
        return self.layer.scripts.session_delete(self.shard, self.reply_channel)

    def load(self) -> dict[str, Any]:
        if new_conversation(self.reply_channel):
            return {}
        packed = self.layer.run(self.layer.scripts.session_load(self.shard, self.reply_channel))
        if packed is None:
            return {}
        self.found = True
        values: dict[str, Any] = self.layer.codec.unpack(bytes(STAMP.size) + packed).content
        return values

    def exists(self, session_key: str) -> bool:
        return self.found

    def create(self) -> None:
        self.save(must_create=True)

    def save(self, must_create: bool = False) -> None:
        """Write the session; `must_create` where load() found none."""
        if must_create:
            if self.found:
                raise CreateError
            self.found = True
            return  # an empty session is as good as none
        values = dict(self.items())
        packed = self.layer.codec.pack(MESSAGE, None, values)
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
        """Sessions end with their sockets."""
