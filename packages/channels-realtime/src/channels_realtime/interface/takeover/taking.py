"""The side of a takeover that serves once it has everything."""

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from channels_realtime.interface.takeover.messages import MessageSocket, TransferError
from channels_realtime.interface.takeover.state import FORMAT, ConnectionState, SharedState

if TYPE_CHECKING:
    from channels_realtime.interface.server import Server
    from channels_realtime.layer.channel_layer import Transport

logger = logging.getLogger("channels_realtime.takeover")

ANSWER_WITHIN = 10.0  # s until the other process has answered that this one may take over
REDIS_WITHIN = 8.0  # s to connect to Redis; giving.READY_WITHIN is longer
LOOK = 0.02  # s between two looks whether Redis is there
# s until everything has come, and from one message to the next: longer than giving.QUIET_WITHIN
# and TAKE_WITHIN together, because the other process decides.
COMES_WITHIN = 20.0
REFUSED = 4  # the exit code where another process serves on


class TakeoverRefused(Exception):
    """The process that serves does not hand over. The sentence says why."""

    exit_code = REFUSED


class Collected(NamedTuple):
    """Everything that the other process has sent; the descriptors are in the lists' order."""

    listeners: dict[str, tuple[int, int]]  # description -> family, descriptor
    connections: list[tuple[ConnectionState, int]]
    shared: SharedState


def ask(path: str, layer: "Transport") -> str | None:
    """Why a server with this code and layer could not take over; None where it could.

    Raises OSError where nothing listens at the path, TransferError for an answer that is none.
    """
    other = connect(path)
    try:
        answer = greet(other, layer, asks=True)
    finally:
        other.close()
    return answer.get("refused")


def connect(path: str) -> MessageSocket:
    """A connection to the server at the path. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return MessageSocket(connection)


def greet(other: MessageSocket, layer: "Transport", asks: bool = False) -> dict[str, Any]:
    """Say what this process is. Raises OSError and TransferError."""
    other.allow(ANSWER_WITHIN)
    shards = [str(shard) for shard in layer.ring]
    other.send({"formats": [FORMAT], "layer": [layer.prefix, shards], "asks": asks})
    return other.receive().content


class Taker:
    """A conversation with the process that serves at the moment.

    Attributes:
        process: its name, which goes on.
    """

    def __init__(self, other: MessageSocket, process: str) -> None:
        self.other = other
        self.process = process

    @classmethod
    def find(cls, path: str, layer: "Transport") -> "Taker | None":
        """Connect to the server at the path; None where none serves there.

        Raises TakeoverRefused.
        """
        try:
            other = connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            answer = greet(other, layer)
        except TransferError:  # it has just ended
            other.close()
            return None
        except OSError as error:
            raise TakeoverRefused(
                f"The interface server at {path} serves on: it does not answer ({error})."
            ) from error
        if "process" in answer:
            return cls(other, str(answer["process"]))
        other.close()
        if answer.get("ends"):
            return None
        raise TakeoverRefused(
            f"The interface server at {path} serves on: {answer.get('refused', 'no reason given.')}"
        )

    def start(self, server: "Server") -> None:
        """Called once the reactor runs: take over as soon as Redis is there."""
        from channels_realtime.interface.reactor import reactor

        self.server = server
        self.deadline = time.monotonic() + REDIS_WITHIN
        reactor.callLater(0, self.wait)

    def wait(self) -> None:
        """Look again and again whether every connection to Redis is open."""
        from channels_realtime.interface.reactor import reactor

        if self.server.liveness.is_draining:
            return  # by a signal
        if all(link.is_open for link in (*self.server.reading, *self.server.writing)):
            threading.Thread(target=self.collect, daemon=True).start()
        elif time.monotonic() > self.deadline:
            fail(f"Redis was not reached within {REDIS_WITHIN:g} s.")
        else:
            reactor.callLater(LOOK, self.wait)

    def collect(self) -> None:
        """In a thread: say that this process is ready, and receive everything."""
        from channels_realtime.interface.reactor import reactor

        listeners: dict[str, tuple[int, int]] = {}
        connections: list[tuple[ConnectionState, int]] = []
        other = self.other
        try:
            other.allow(COMES_WITHIN)
            other.send({"ready": True})
            while True:
                content, descriptors = other.receive()
                if "refused" in content:
                    fail(str(content["refused"]))
                for item, descriptor in zip(
                    content.get("listeners", ()), descriptors, strict=False
                ):
                    listeners[item["description"]] = (item["family"], descriptor)
                if "connections" in content:
                    connections += zip(content["connections"], descriptors, strict=True)
                if "shared" in content:
                    break
        except TransferError as error:
            start_again(error)
        except Exception as error:
            fail(f"{error!r}")
        collected = Collected(listeners, connections, content["shared"])
        reactor.callFromThread(self.take, collected)

    def take(self, collected: Collected) -> None:
        """Build everything, tell the other process, and serve."""
        server = self.server
        if server.liveness.is_draining:
            fail("This process was told to end.")
        try:
            server.restore(collected)
        except Exception:
            logger.exception("The state of the other interface server could not be restored")
            fail("its state could not be restored.")
        try:
            self.other.allow(1.0)
            self.other.send({"taken": True})  # it serves until it has this, this process after it
        except OSError as error:
            start_again(error)
        self.other.close()
        server.serve(collected.shared)
        logger.warning("Took %d connections over", len(collected.connections))


def fail(reason: str) -> NoReturn:
    """End; the other process serves on. At once: Twisted's own end would shut sockets down."""
    logger.error("Nothing was taken over: %s", reason)
    logging.shutdown()
    os._exit(REFUSED)


def start_again(reason: BaseException) -> NoReturn:
    """The other process has died: start as if it had never been there.

    A new program, because this one has the other's name. The descriptors end with this one.
    """
    logger.error("The interface server that was to be taken over has ended: %s", reason)
    logging.shutdown()
    command: Sequence[str] = sys.orig_argv
    os.execv(sys.executable, [sys.executable, *command[1:]])
