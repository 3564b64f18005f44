"""A connection to Redis inside the reactor: commands are pipelined, nothing waits.

layer.connection opens it in a thread, since names, TLS, passwords and Sentinel may block.
"""

import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import hiredis
import redis
from twisted.internet.abstract import FileDescriptor
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from channels_realtime.interface.reactor import reactor
from channels_realtime.layer.commands import Command, Reply, Value
from channels_realtime.layer.connection import Connection
from channels_realtime.layer.shard import ANSWER_WITHIN, Reminder, Shard, delays
from channels_realtime.layer.wire import take_socket

logger = logging.getLogger("channels_realtime.link")

SLOW = 1.0  # s for a heartbeat or an entry, which take a millisecond
READ = 1 << 18  # bytes per read: a burst of broadcasts comes in one
AGAIN = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# Error replies after which the connection is opened again: this is the wrong server, or becomes it,
# or it has lost the scripts.
REOPEN = ("NOSCRIPT", "READONLY", "UNBLOCKED", "MASTERDOWN", "LOADING")

RawReply = Any  # what hiredis parses (int, bytes, list, None or ReplyError), or Lost
Callback = Callable[[RawReply], None]


class Lost(Exception):
    """The connection ended before the reply: the command may have been carried out or not."""


class Awaited(NamedTuple):
    """A command that Redis must answer by `due` on the monotonic clock."""

    callback: Callback
    due: float
    parse: Callable[[RawReply], object] | None  # None: the callback takes it as it is


class Link(FileDescriptor):
    """One connection to a shard, opened again whenever it ends.

    Args:
        shard: the Redis to connect to.
        on_open: called with the link after each opening, before anything else is sent.

    Attributes:
        delay: seconds that the last heartbeat took to be answered, or that the last entries took
            from their sender to this process.
        refused_since: since when Redis has refused the heartbeat, as with a full memory.
        lost_at: when a connection ended last, on the monotonic clock; None if none did.
    """

    def __init__(self, shard: Shard, on_open: Callable[["Link"], None]) -> None:
        super().__init__()
        self.shard = shard
        self.on_open = on_open
        self.connection = Connection(shard)
        self.socket: socket.socket | None = None
        self.delay = 0.0
        self.refused_since: float | None = None
        self.lost_at: float | None = None
        self.awaited: deque[Awaited] = deque()
        self.unwritten: list[bytes] = []
        self.unwritten_size = 0
        self.delays = delays()
        self.reminder: Reminder | None = None
        self.overdue = False
        self.closing = False

    # Opening and closing

    def open(self) -> None:
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
        assert self.connection.wire is not None, "dial() has connected it"
        self.socket = take_socket(self.connection.wire)
        self.socket.setblocking(False)
        self.startReading()
        self.on_open(self)

    def refused(self, failure: Failure) -> None:
        if self.closing:
            return
        error = failure.value
        assert error is not None, "deferToThread() fails with an exception"
        self.shard.went_away(error)
        self.reminder = self.reminder or Reminder(self.shard)
        self.reminder.failed(error)
        reactor.callLater(next(self.delays), self.open)

    def lose(self, reason: object) -> None:
        """The connection has ended, and with it every reply that was awaited."""
        if self.socket is None:
            return
        self.lost_at = time.monotonic()
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
    def is_ill(self) -> bool:
        """Whether Redis refused the last heartbeat, or what comes from it comes late."""
        return self.refused_since is not None or max(self.delay, self.overdue_for) > SLOW

    @property
    def overdue_for(self) -> float:
        """Seconds that the oldest reply has been awaited, without the time Redis may block."""
        if not self.awaited:
            return 0.0
        return time.monotonic() - (self.awaited[0].due - ANSWER_WITHIN)

    @property
    def away_since(self) -> float | None:
        """Since when Redis has been away, on the monotonic clock; None while it is there.

        A Redis that accepts connections and answers nothing is away from the moment when the last
        one was given up, not from the first attempt that fails.
        """
        if self.is_open or self.lost_at is None:
            return self.shard.away_since
        return self.lost_at

    @property
    def backlog(self) -> int:
        """Bytes that Redis has not read yet."""
        return self.unwritten_size + self._tempDataLen + len(self.dataBuffer) - self.offset

    def check(self, now: float) -> bool:
        """Called with every heartbeat: end the connection if a reply is overdue.

        Returns whether it was ended. The first time only notes it: if this process itself was
        stopped, the reply has arrived and will be read before the second.
        """
        overdue = bool(self.awaited) and self.awaited[0].due < now
        if overdue and self.overdue:
            self.lose("it does not answer")
            return True
        self.overdue = overdue
        return False

    # Commands

    def run(self, callback: Callable[[Reply | Exception], None], command: Command[Reply]) -> None:
        """Run a script; `callback` gets its typed reply, a ReplyError or Lost."""
        if self.socket is None:
            callback(Lost())
        else:
            self.command(callback, *self.connection.evalsha(command), parse=command.parse)

    def command(
        self,
        callback: Callback,
        *command: Value,
        wait: float = 0,
        parse: Callable[[RawReply], object] | None = None,
    ) -> None:
        """Send a command with all that this turn of the reactor sends, in one write.

        Args:
            wait: seconds for which Redis may block, beside the time for a reply.
            parse: makes what `callback` gets of a reply that is no error.
        """
        if self.socket is None:
            callback(Lost())
            return
        if not self.unwritten:
            reactor.callLater(0, self.flush)
        # hiredis declares a tuple of one value, and takes any number.
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]
        self.unwritten.append(packed)
        self.unwritten_size += len(packed)
        self.awaited.append(Awaited(callback, time.monotonic() + wait + ANSWER_WITHIN, parse))

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
        if self.socket is None:
            return 0
        try:
            return self.socket.send(data)
        except AGAIN:
            return 0
        except OSError as error:
            return error

    def doRead(self) -> None:
        if self.socket is None:
            return
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
        # TLS decrypts whole records: the rest of one does not make the socket readable again.
        while getattr(self.socket, "pending", int)():
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
                    self.lose("it sends a reply to no command")
                    return
                callback, _, parse = self.awaited.popleft()
                if parse is None or isinstance(reply, Exception):
                    callback(reply)
                else:
                    callback(parse(reply))

    def connectionLost(self, reason: Failure) -> None:
        self.lose(reason.getErrorMessage())

    readConnectionLost = writeConnectionLost = connectionLost

    def logPrefix(self) -> str:
        return "Redis"
