"""A connection to Redis inside the reactor: commands are pipelined, nothing waits.

realtime.connection opens it in a thread, since names, TLS, passwords and Sentinel may block.
"""

import logging
import ssl
from collections import deque

import hiredis
import redis
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.threads import deferToThread

from realtime.connection import Connection
from realtime.internals import take_socket

logger = logging.getLogger("realtime.link")

READ = 1 << 18  # bytes a read: a burst of broadcasts comes in one
RETRY = (0.1, 0.2, 0.5)  # s between tries to connect, the last one repeated: Redis restarts in 1 s
AGAIN = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Lost(Exception):
    """The connection ended before the answer: nobody knows whether the command was carried out."""


class Link(FileDescriptor):
    """One connection, opened again whenever it ends.

    `on_open(link)` is called after each opening, before anything else is sent.
    """

    def __init__(self, pool, on_open):
        super().__init__(reactor)
        self.pool = pool
        self.on_open = on_open
        self.socket = None
        self.waiting = deque()  # callbacks of the commands whose answers are to come
        self.unwritten = []
        self.failures = 0
        self.closing = False

    # Opening and closing

    def open(self):
        self.connection = Connection(self.pool)
        deferToThread(self.connection.open).addCallbacks(self.opened, self.refused)

    def opened(self, _):
        if self.closing:
            self.connection.close()
            return
        self.failures = 0
        self.connected = True
        self.disconnected = False
        self.reader = hiredis.Reader(protocolError=redis.ConnectionError)
        self.socket = take_socket(self.connection.wire)
        self.socket.setblocking(False)
        self.startReading()
        self.on_open(self)

    def refused(self, failure):
        if self.closing:
            return
        if self.failures == 0:
            logger.warning("Redis is not reachable: %s", failure.getErrorMessage())
        reactor.callLater(RETRY[min(self.failures, len(RETRY) - 1)], self.open)
        self.failures += 1

    def lose(self, reason):
        """The connection has ended: every answer that was to come will not."""
        if self.socket is None:
            return
        self.stopReading()
        self.stopWriting()
        self.socket = None
        self.connected = False
        self.connection.close()
        self.unwritten.clear()
        self._tempDataBuffer, self._tempDataLen, self.dataBuffer, self.offset = [], 0, b"", 0
        waiting, self.waiting = self.waiting, deque()
        if not self.closing:
            logger.warning("The connection to Redis was lost: %s", reason)
        for callback in waiting:
            callback(Lost())
        if not self.closing:
            self.open()

    def close(self):
        self.closing = True
        self.lose("closed")

    @property
    def is_open(self):
        return self.socket is not None

    # Commands

    def script(self, callback, name, keys, arguments):
        """Run one of realtime/lua; `callback` gets the answer, a ReplyError or Lost."""
        if self.socket is None:
            callback(Lost())
        else:
            self.command(callback, *self.connection.script(name, keys, arguments))

    def command(self, callback, *command):
        """Send a command with all that this turn of the reactor sends, in one write."""
        if self.socket is None:
            callback(Lost())
            return
        if not self.unwritten:
            reactor.callLater(0, self.flush)
        self.unwritten.append(hiredis.pack_command(command))
        self.waiting.append(callback)

    def flush(self):
        data, self.unwritten = b"".join(self.unwritten), []
        if data and self.socket is not None:
            self.write(data)

    # What the reactor calls

    def fileno(self):
        return self.socket.fileno() if self.socket is not None else -1

    def write(self, data):
        """Straight to the socket where nothing waits before it."""
        if not self.dataBuffer and not self._tempDataLen:
            sent = self.writeSomeData(data)
            if isinstance(sent, Exception):
                self.lose(sent)
                return
            data = data[sent:]
        if data:
            super().write(data)

    def writeSomeData(self, data):
        try:
            return self.socket.send(data)
        except AGAIN:
            return 0
        except OSError as error:
            return error

    def doRead(self):
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
        self.reader.feed(data)
        # TLS decrypts records whole: what is left of one makes the socket readable no more.
        while self.socket is not None and getattr(self.socket, "pending", int)():
            self.reader.feed(self.socket.recv(READ))
        while self.socket is not None:
            answer = self.reader.gets()
            if answer is False:  # no whole answer yet: no command of ours is answered with false
                return
            if isinstance(answer, hiredis.ReplyError) and str(answer).startswith("NOSCRIPT"):
                self.lose("it forgot our scripts")  # opening it again loads them
            elif not isinstance(answer, hiredis.PushNotification):
                self.waiting.popleft()(answer)

    def connectionLost(self, reason):
        self.lose(reason.getErrorMessage())

    readConnectionLost = writeConnectionLost = connectionLost

    def logPrefix(self):
        return "Redis"
