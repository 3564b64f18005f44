"""A connection to Redis inside the reactor: commands are pipelined, nothing waits.

layer.connection opens it in a thread, since names, TLS, passwords and Sentinel may block.
"""

import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import hiredis
import redis
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.threads import deferToThread

from channels_realtime.internals import take_socket
from channels_realtime.layer.commands import Command, Reply, Value
from channels_realtime.layer.connection import Connection
from channels_realtime.layer.shard import ANSWER_WITHIN, Reminder, Shard, delays

logger = logging.getLogger("channels_realtime.link")

READ = 1 << 18  # bytes per read: a burst of broadcasts comes in one
AGAIN = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# Error replies after which the connection is opened again: it leads to the wrong server, or that
# server has lost the scripts.
REOPEN = ("NOSCRIPT", "READONLY", "MASTERDOWN", "LOADING")

Callback = Callable[[Any], None]


class Lost(Exception):
    """The connection ended before the reply: the command may have been carried out or not."""


class Awaited(NamedTuple):
    """A command whose reply is to come, by `due` on the monotonic clock."""

    callback: Callback
    due: float


class Link(FileDescriptor):
    """One connection to a shard, opened again whenever it ends.

    Args:
        shard: the Redis that it leads to.
        on_open: called with the link after each opening, before anything else is sent.
    """

    def __init__(self, shard: Shard, on_open: Callable[["Link"], None]) -> None:
        super().__init__(reactor)
        self.shard = shard
        self.on_open = on_open
        self.socket: Any = None
        self.awaited: deque[Awaited] = deque()
        self.unwritten: list[bytes] = []
        self.unwritten_size = 0
        self.delays = delays()
        self.reminder: Reminder | None = None
        self.overdue = False
        self.closing = False

    # Opening and closing

    def open(self) -> None:
        self.connection = Connection(self.shard)
        deferToThread(self.connection.dial).addCallbacks(self.opened, self.refused)

    def opened(self, _: object) -> None:
        if self.closing:
            self.connection.close()
            return
        self.delays = delays()
        self.reminder = None
        self.shard.came_back()
        self.connected = True
        self.disconnected = False
        self.overdue = False
        self.reader = hiredis.Reader(protocolError=redis.ConnectionError)
        self.socket = take_socket(self.connection.wire)
        self.socket.setblocking(False)
        self.startReading()
        self.on_open(self)

    def refused(self, failure: Any) -> None:
        if self.closing:
            return
        self.shard.went_away(failure.value)
        self.reminder = self.reminder or Reminder(self.shard)
        self.reminder.failed(failure.value)
        reactor.callLater(next(self.delays), self.open)

    def lose(self, reason: object) -> None:
        """The connection has ended: no reply that was to come will come."""
        if self.socket is None:
            return
        self.stopReading()
        self.stopWriting()
        self.socket = None
        self.connected = False
        self.connection.close()
        self.unwritten.clear()
        self.unwritten_size = 0
        self._tempDataBuffer, self._tempDataLen, self.dataBuffer, self.offset = [], 0, b"", 0
        awaited, self.awaited = self.awaited, deque()
        if not self.closing:
            logger.warning("The connection to %s was lost: %s", self.shard, reason)
        for waiting in awaited:
            waiting.callback(Lost())
        if not self.closing:
            self.open()

    def close(self) -> None:
        self.closing = True
        self.lose("closed")

    @property
    def is_open(self) -> bool:
        return self.socket is not None

    @property
    def backlog(self) -> int:
        """Bytes that Redis has not taken yet."""
        return self.unwritten_size + self._tempDataLen + len(self.dataBuffer) - self.offset

    def check(self, now: float) -> bool:
        """Called with every heartbeat: end the connection if Redis owes a reply for too long.

        Returns whether it was ended. The first time only notes it: where this process itself was
        stopped, the reply is there and will be read before the second.
        """
        overdue = bool(self.awaited) and self.awaited[0].due < now
        if overdue and self.overdue:
            self.lose("it does not answer")
            return True
        self.overdue = overdue
        return False

    # Commands

    def run(self, callback: Callable[[Reply | Exception], Any], command: Command[Reply]) -> None:
        """Run a script; `callback` gets its typed reply, a ReplyError or Lost."""
        if self.socket is None:
            callback(Lost())
            return

        def answered(reply: Any) -> None:
            callback(reply if isinstance(reply, Exception) else command.parse(reply))

        self.command(answered, *self.connection.evalsha(command))

    def command(self, callback: Callback, *command: Value, wait: float = 0) -> None:
        """Send a command with all that this turn of the reactor sends, in one write.

        `wait`: seconds that Redis itself may take, for a command that blocks.
        """
        if self.socket is None:
            callback(Lost())
            return
        if not self.unwritten:
            reactor.callLater(0, self.flush)
        packed = hiredis.pack_command(command)
        self.unwritten.append(packed)
        self.unwritten_size += len(packed)
        self.awaited.append(Awaited(callback, time.monotonic() + wait + ANSWER_WITHIN))

    def flush(self) -> None:
        data, self.unwritten = b"".join(self.unwritten), []
        self.unwritten_size = 0
        if data and self.socket is not None:
            self.write(data)

    # What the reactor calls

    def fileno(self) -> int:
        return self.socket.fileno() if self.socket is not None else -1

    def write(self, data: bytes) -> None:
        """Straight to the socket where nothing waits before it."""
        if not self.dataBuffer and not self._tempDataLen:
            sent = self.writeSomeData(data)
            if isinstance(sent, Exception):
                self.lose(sent)
                return
            data = data[sent:]
        if data:
            super().write(data)

    def writeSomeData(self, data: bytes) -> int | Exception:
        try:
            return self.socket.send(data)
        except AGAIN:
            return 0
        except OSError as error:
            return error

    def doRead(self) -> None:
        try:
            data = self.socket.recv(READ)
        except AGAIN:
            return
        except OSError as error:
            self.lose(error)
            return
        if not data:
            self.lose("Redis closed it")
            return
        self.overdue = False
        self.reader.feed(data)
        # TLS decrypts records whole: what is left of one makes the socket readable no more.
        while self.socket is not None and getattr(self.socket, "pending", int)():
            self.reader.feed(self.socket.recv(READ))
        while self.socket is not None:
            try:
                reply = self.reader.gets()
            except redis.ConnectionError as error:
                self.lose(f"it does not speak Redis's protocol: {error}")
                return
            if reply is False:  # no whole reply yet: no command of ours is answered with false
                return
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith(REOPEN):
                self.lose(reply)
            elif not isinstance(reply, hiredis.PushNotification):
                if not self.awaited:
                    self.lose("it answers what nobody asked")
                    return
                self.awaited.popleft().callback(reply)

    def connectionLost(self, reason: Any) -> None:
        self.lose(reason.getErrorMessage())

    readConnectionLost = writeConnectionLost = connectionLost

    def logPrefix(self) -> str:
        return "Redis"
