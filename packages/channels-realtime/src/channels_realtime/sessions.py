"""channel_session in Redis: one field of a hash that belongs to the socket's process.

Name this module as CHANNEL_SESSION_ENGINE. A session ends with its socket: the worker that handles
the disconnect deletes it, and a dead process's sessions go with the process.

A `websocket.connect` is the first message of its socket, so it has no session to be loaded; and
since nothing else of that socket can arrive before it is accepted, its session is written together
with the accept, in one round trip; at once where the consumer has sent to the socket already.
"""

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase

from channels_realtime.layer import handling
from channels_realtime.layer.commands import Command, Value
from channels_realtime.layer.envelope import MESSAGE, STAMP


def take_writes(message):
    """The commands that save the connect's session, or delete a disconnect's."""
    writes = handling.take_writes()
    name = message.content.get("reply_channel")
    if message.channel.name == "websocket.disconnect" and name and is_our_engine():
        writes.append(SessionStore(reply_channel=name).command("session_delete"))
    return writes


def is_our_engine():
    return getattr(settings, "CHANNEL_SESSION_ENGINE", settings.SESSION_ENGINE) == __name__


class SessionStore(SessionBase):
    """The session of one reply channel."""

    def __init__(self, session_key=None, reply_channel=None):
        super().__init__(session_key)
        self.reply_channel = reply_channel
        self.layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        self.found = False

    @classmethod
    def for_reply_channel(cls, reply_channel):
        """channels_realtime.compat has channels.sessions call this."""
        session = cls("chn" + reply_channel, reply_channel)
        session._get_session()
        return session

    def command(self, script: str, *arguments: Value) -> Command:
        """The command that runs one of layer/lua/session_*.lua."""
        process = self.layer.non_local_name(self.reply_channel)
        keys = (f"{self.layer.prefix}:sessions:{process}", self.layer.processes_key)
        field = self.reply_channel[len(process) :]
        expiry = settings.SESSION_COOKIE_AGE
        return Command(self.layer.home(process), script, keys, (field, process, expiry, *arguments))

    def load(self):
        if handling.is_fresh(self.reply_channel):
            return {}
        [packed] = self.layer.run_many([self.command("session_load")])
        if packed is None:
            return {}
        self.found = True
        return self.layer.codec.unpack(bytes(STAMP.size) + packed)[2]

    def exists(self, session_key):
        return self.found

    def create(self):
        self.save(must_create=True)

    def save(self, must_create=False):
        """Write the session; `must_create` where load() found none."""
        if must_create:
            if self.found:
                raise CreateError
            self.found = True
            return  # an empty session is as good as none
        values = dict(self._get_session(no_load=must_create))
        write = self.command("session_save", self.layer.codec.pack(MESSAGE, None, values))
        if handling.is_fresh(self.reply_channel):
            handling.defer(write)
        else:
            self.layer.run_many([write])

    def delete(self, session_key=None):
        self.layer.run_many([self.command("session_delete")])

    @classmethod
    def clear_expired(cls):
        """Sessions end with their sockets."""
