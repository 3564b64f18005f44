"""The side of a takeover that serves until another process has everything."""

import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.python.failure import Failure

from channels_realtime.interface.new_connection import Factory
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.takeover.exporting import (
    Exported,
    client_transports,
    export_connections,
    export_shared,
)
from channels_realtime.interface.takeover.internals import let_go
from channels_realtime.interface.takeover.messages import (
    MOST_DESCRIPTORS,
    MessageSocket,
    TransferError,
)
from channels_realtime.interface.takeover.state import FORMAT, ListenerState

if TYPE_CHECKING:
    from channels_realtime.interface.server import Server

logger = logging.getLogger("channels_realtime.takeover")

GREET_WITHIN = 5.0  # s for the first message of the other process
READY_WITHIN = 30.0  # s until it has connected to Redis and listens where this process does not
# s until Redis has replied to everything, while clients are not read. A Redis that forbids
# CLIENT UNBLOCK takes up to inbox.BLOCK for it.
QUIET_WITHIN = 6.0
LOOK = 0.002  # s between two looks whether it has
# s in which the other process must take everything, while this one does nothing else. With
# QUIET_WITHIN it stays below the 12 s after which this process counts as dead in Redis.
TAKE_WITHIN = 5.0
BACKLOG = 8

Refuse = Callable[[str], None]


class Refusal(Exception):
    """Why nothing is handed over: one sentence for the other process and the log."""


class Giver(FileDescriptor):
    """Listens on the takeover socket, and hands the server over to a process that connects.

    Args:
        path: of the unix socket. Only the own user may connect.
    """

    def __init__(self, server: "Server", path: str) -> None:
        super().__init__()
        self.server = server
        self.path = path
        self.listener: socket.socket | None = None
        self.busy = False  # with a process that connected
        self.reading: list[FileDescriptor] = []  # what reads while the server serves

    # The socket

    def listen(self) -> None:
        """Listen, in place of a process that has ended or was taken over. Raises OSError."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Made under another name and then moved: at no moment is there a path without a listener.
        new = Path(f"{self.path}.{os.getpid()}")
        with suppress(FileNotFoundError):
            new.unlink()
        mask = os.umask(0o177)
        try:
            listener.bind(str(new))
        finally:
            os.umask(mask)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        new.replace(self.path)
        self.listener = listener
        self.startReading()

    def fileno(self) -> int:
        return self.listener.fileno() if self.listener is not None else -1

    def close(self) -> None:
        """Listen no more. The path stays: the next process replaces it."""
        if self.listener is not None:
            self.stopReading()
            self.listener.close()
            self.listener = None

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    def doRead(self) -> None:
        assert self.listener is not None, "the reactor reads only from a socket that is open"
        with suppress(OSError):
            other, _ = self.listener.accept()
            other.setblocking(True)
            # A thread, because it waits; a daemon, because the server's end must not wait for it.
            threading.Thread(target=self.greet, args=[MessageSocket(other)], daemon=True).start()

    # In the thread

    def greet(self, other: MessageSocket) -> None:
        """Answer the first message. The process goes on with that it is ready, or hangs up."""
        try:
            other.allow(GREET_WITHIN)
            _, uid = other.peer()
            if uid not in (os.geteuid(), 0):
                return other.close()
            hello = other.receive().content
            refusal = self.refusal(hello)
            if refusal is not None:
                other.send({"refused": refusal, "ends": self.server.liveness.is_draining})
                if not hello.get("asks"):
                    logger.warning("Another process may not take over. %s", refusal)
                return other.close()
            other.send({"process": self.server.process, "format": FORMAT})
            if hello.get("asks"):
                return other.close()
            other.allow(READY_WITHIN)
            other.receive()
        except Exception as error:  # it may send anything
            logger.warning("A process that wanted to take over has given up: %s", error)
            return other.close()
        reactor.callFromThread(self.begin, other)

    def refusal(self, hello: dict[str, Any]) -> str | None:
        """Why this process does not hand over to one that says this; None where it does."""
        if self.server.liveness.is_draining:
            return "This interface server is about to end."
        if FORMAT not in hello.get("formats", ()):
            return (
                f"This interface server hands its state over in format {FORMAT}, which the new"
                " version cannot read."
            )
        layer = self.server.layer
        if hello.get("layer") != [layer.prefix, [str(shard) for shard in layer.ring]]:
            return "The new interface server uses another Redis or another prefix."
        return None

    # In the reactor: from here on no client is read

    def begin(self, other: MessageSocket) -> None:
        """The other process is ready: read no more, and wait until Redis has replied to all."""
        if self.busy or self.server.liveness.is_draining:
            self.refuse(other, "Another takeover is under way, or this process ends.")
            return
        self.busy = True
        self.began = time.monotonic()
        server = self.server
        server.connections.coalescing.release_all()
        self.reading = [
            selectable
            for selectable in reactor.getReaders()
            if isinstance(selectable, tcp.Server | tcp.Port)
        ]
        for selectable in self.reading:
            selectable.stopReading()
        for inbox in server.inboxes:
            inbox.pause()
        server.connections.bodies.paused = True
        server.is_quiet = True
        self.wait(other)

    def wait(self, other: MessageSocket) -> None:
        """Look again and again whether everything is quiet."""
        server = self.server
        links = [*server.reading, *server.writing]
        if server.liveness.is_draining:
            self.resume(other, Refusal("This interface server is about to end."))
        elif not all(link.is_open for link in links) or server.outbox.waiting:
            self.resume(other, Refusal("The interface server that serves has lost Redis."))
        elif self.is_settled():
            self.hand_over(other)
        elif time.monotonic() - self.began > QUIET_WITHIN:
            sentence = f"Redis has not replied to everything within {QUIET_WITHIN:g} s."
            self.resume(other, Refusal(sentence))
        else:
            for inbox, reading, writing in zip(
                server.inboxes, server.reading, server.writing, strict=True
            ):
                if inbox.is_reading and not writing.awaited:
                    # A BLPOP that waits replies at once.
                    client = reading.connection.client_id
                    writing.command(ignore, "CLIENT", "UNBLOCK", client)
            reactor.callLater(LOOK, self.wait, other)

    def is_settled(self) -> bool:
        """Whether nothing is under way that would change what is handed over."""
        server = self.server
        return not (
            server.connections.bodies.sending
            or server.connections.coalescing.joining
            or any(inbox.is_reading for inbox in server.inboxes)
            or any(link.awaited or link.backlog for link in (*server.reading, *server.writing))
        )

    def hand_over(self, other: MessageSocket) -> None:
        """Send everything. Until this returns, nothing else happens in this process."""
        gc.disable()  # it would look at every object of every connection
        other.allow(TAKE_WITHIN)
        try:
            moved = self.send_all(other)
            answer = other.receive().content
            if not answer.get("taken"):
                raise TransferError(str(answer.get("refused", "It has not taken anything.")))
        except Exception as error:
            gc.enable()
            if not self.is_taken(other, error):
                self.resume(other, error)
                return
        self.end(moved)

    def send_all(self, other: MessageSocket) -> list[tcp.Server]:
        """Send the listening sockets, the connections in batches, and what belongs to all."""
        server = self.server
        listeners: list[ListenerState] = []
        descriptors = []
        for description, port in server.listeners.items():
            # Others, such as those with TLS, the new process opens itself.
            if isinstance(port, tcp.Port) and isinstance(port.factory, Factory):
                family = port.socket.family
                listeners.append({"description": description, "family": family})
                descriptors.append(port.fileno())
        other.send({"listeners": listeners}, descriptors)
        # Some may have begun to read since: handshakes that were admitted, for example.
        all_reading = (*self.reading, *reactor.getReaders())
        reading = {each for each in all_reading if isinstance(each, tcp.Server)}
        moved = []
        batch: list[Exported] = []

        def send_batch() -> None:
            descriptors = [exported.transport.fileno() for exported in batch]
            other.send({"connections": [exported.state for exported in batch]}, descriptors)
            batch.clear()

        transports = list(dict.fromkeys([*self.reading_clients(), *self.other_clients()]))
        for exported in export_connections(server.connections, transports, reading):
            moved.append(exported.transport)
            batch.append(exported)
            if len(batch) == MOST_DESCRIPTORS:
                send_batch()
        send_batch()
        other.send({"shared": export_shared(server.connections, server.registration)})
        return moved

    def reading_clients(self) -> list[tcp.Server]:
        return [e for e in self.reading if isinstance(e, tcp.Server) and e.connected]

    def other_clients(self) -> list[tcp.Server]:
        return client_transports(self.server.connections)

    def is_taken(self, other: MessageSocket, error: Exception) -> bool:
        """Whether the other process serves, although no answer has arrived in time.

        A process that is too slow is killed before this one serves again. Otherwise both would
        read from the same sockets once it wakes up.
        """
        if not isinstance(error, TimeoutError):
            return False
        other.allow(0.01)
        with suppress(OSError, TransferError):
            return bool(other.receive().content.get("taken"))
        pid, _ = other.peer()
        with suppress(OSError):
            if pid > 1 and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
        return False

    # The ends

    def resume(self, other: MessageSocket, reason: Exception) -> None:
        """Serve as before."""
        server = self.server
        server.is_quiet = False
        server.connections.bodies.paused = False
        if not server.liveness.is_draining:
            for selectable in self.reading:
                if selectable.connected and not getattr(selectable, "disconnecting", False):
                    selectable.startReading()
        self.reading = []
        for inbox, link in zip(server.inboxes, server.reading, strict=True):
            inbox.resume(link)
        server.connections.bodies.send_next()
        self.busy = False
        if isinstance(reason, Refusal | TransferError | OSError):
            logger.error("Nothing was handed over, this process serves on: %s", reason)
        else:
            logger.error("Nothing was handed over, this process serves on", exc_info=reason)
        self.refuse(other, str(reason) or repr(reason))
        server.beat()

    def refuse(self, other: MessageSocket, sentence: str) -> None:
        other.allow(GREET_WITHIN)
        with suppress(OSError):
            other.send({"refused": sentence, "ends": False})
        other.close()

    def end(self, moved: list[tcp.Server]) -> None:
        """The other process serves. Close what could not be moved, and end."""
        took = time.monotonic() - self.began
        logger.warning("Handed %d connections over within %.2f s", len(moved), took)
        staying = self.server.connections.number_open - len(moved)
        if not staying:
            # At once, without Twisted's own end: it would shut the sockets down for both processes.
            logging.shutdown()
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(0)
        logger.warning("Closing %d connections that could not be moved", staying)
        for transport in moved:
            let_go(transport)
        self.close()
        self.server.end_without_registration(moved)


def ignore(_: object) -> None:
    """For the reply to a command that may fail."""
