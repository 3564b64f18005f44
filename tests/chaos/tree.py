"""The processes of a running product, as reported by supervisord."""

from __future__ import annotations

import random
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from harness.process import send
from harness.waiting import PATIENCE, meanwhile, wait_until
from supervisor.xmlrpc import SupervisorTransport, UnixStreamHTTPConnection

from deploy.control import children
from tests.e2e.stack import Stack

ANSWERS_WITHIN = 5.0  # s; a supervisord that waits for its terminal does not respond


class Connection(UnixStreamHTTPConnection):
    """With a timeout, in seconds."""

    patience = ANSWERS_WITHIN

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.patience)
        self.sock.connect(self.socketfile)


class Transport(SupervisorTransport):
    def __init__(self, path: str, patience: float) -> None:
        super().__init__(serverurl=f"unix://{path}")

        def get_connection() -> Connection:
            connection = Connection("localhost")
            connection.socketfile, connection.patience = path, patience
            return connection

        self._get_connection = get_connection


class Tree:
    """Kills, stops and starts the processes of `stack`, and no others."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def connect(self, patience: float = PATIENCE) -> Any:
        """A new connection, because several threads send requests."""
        transport = Transport(f"{self.stack.folder.name}/run/supervisor.sock", patience)
        return ServerProxy("http://127.0.0.1", transport).supervisor

    def members(self, group: str) -> dict[str, int]:
        """name -> pid of a group's processes (redis, interface, workers, pulse); 0: not running."""
        return {
            f"{info['group']}:{info['name']}": info["pid"]
            for info in self.infos()
            if info["group"] == group
        }

    def pids_of(self, names: Sequence[str]) -> list[int]:
        return [pid for name, pid in self.running().items() if name in names]

    def running(self) -> dict[str, int]:
        """name -> pid of all running processes."""
        return {
            f"{info['group']}:{info['name']}": info["pid"]
            for info in self.infos()
            if info["statename"] == "RUNNING"
        }

    def infos(self) -> list[dict[str, Any]]:
        """supervisord's information on each process; empty if it does not respond."""
        with suppress(OSError, Fault, HTTPException):
            infos: list[dict[str, Any]] = self.connect(ANSWERS_WITHIN).getAllProcessInfo()
            for info in infos:
                # The keeper of an interface server is not what a fault is meant for.
                if info["group"] == "interface" and info["pid"]:
                    info["pid"] = (children(info["pid"]) or [info["pid"]])[0]
            return infos
        return []

    @contextmanager
    def killing(self, names: Sequence[str], generator: random.Random) -> Iterator[None]:
        """Kill the processes, and again after each restart, while the context lasts.

        The pauses between kills keep supervisord from giving up on the processes.
        """
        before = self.pids_of(names)
        send(before, signal.SIGKILL)

        def kill(ended: threading.Event) -> None:
            while not ended.wait(generator.uniform(1.5, 3.0)):
                send(self.pids_of(names), signal.SIGKILL)

        with meanwhile(kill):
            wait_until(
                lambda: not set(before) & {info["pid"] for info in self.infos()},
                f"the end of {', '.join(names)}",
            )
            yield

    def restart(self, name: str) -> None:
        """Stop one process, as an operator does, and start it again."""
        self.connect().stopProcess(name)
        self.connect().startProcess(name, False)
        self.wait_whole()

    def is_whole(self) -> bool:
        # The candidate runs only during a release; Redis runs on another machine.
        needed = [info for info in self.infos() if info["name"] not in ("candidate", "redis")]
        return {info["statename"] for info in needed} == {"RUNNING"}

    def wait_whole(self) -> None:
        """Wait until every process runs and /readyz returns 200."""
        wait_until(self.is_whole, "all processes")
        wait_until(self.stack.healthy, "an answer of /readyz")
