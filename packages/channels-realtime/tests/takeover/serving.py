"""An interface server that is replaced again and again, on one port."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.network import can_connect, free_port
from harness.process import Process
from harness.project import Interface
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until

TOOK = "connections over"  # what a server logs that has taken over


class Serving:
    """The server of a stack that serves at the moment: `interface`.

    Args:
        options: of every one of them.
    """

    def __init__(self, stack: Stack, *options: str, **more: Any):
        self.stack = stack
        self.port = free_port()
        self.path = Path(stack.folder) / f"takeover-{self.port}.sock"
        self.options = ("--websocket_connect_timeout", str(PATIENCE), "-v", "0", *options)
        self.interface = self.start(**more)
        self.wait_until_it_listens()

    def wait_until_it_listens(self) -> None:
        """Wait until the server has connected to Redis and accepts connections."""
        self.interface.wait_ready(lambda: self.path.exists(), "the takeover socket")
        self.interface.wait_ready(lambda: can_connect(self.port), "an interface server")
        self.interface.wait_ready(lambda: self.stack.registered(), "its registration")

    def start(self, *options: str, **more: Any) -> Interface:
        """Start another server with the same takeover socket; does not wait."""
        interface = self.stack.start_interface(
            *self.options,
            "--takeover",
            str(self.path),
            *options,
            listen=("-p", str(self.port)),
            **more,
        )
        interface.port = self.port
        interface.url = f"ws://127.0.0.1:{self.port}"
        return interface

    def replace(self, *options: str) -> Interface:
        """Have a new server take over; the old one has ended."""
        return self.replace_with(self.start(*options))

    def replace_with(self, new: Interface) -> Interface:
        """Wait until this one, which start() returned, has taken over."""
        old = self.interface
        new.wait_ready(lambda: TOOK in new.output(), "the takeover")
        assert old.wait() == 0, old.output()
        self.interface = new
        return new

    def fail_to_replace(self, new: Process) -> str:
        """Wait until the new server has given up; what it has written."""
        new.wait()
        assert self.interface.is_running()
        return new.output()


@contextmanager
def closing(*sockets: Any) -> Iterator[None]:
    try:
        yield
    finally:
        for each in sockets:
            each.close()


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        assert chunk, f"the server closed the connection after {len(data)} of {size} bytes"
        data += chunk
    return data


__all__ = ["TOOK", "Serving", "closing", "receive_exactly", "wait_until"]
