"""Interface servers and workers of the foreign project, as real processes on free ports."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path

from harness.services import PATIENCE, free_port, http_request, wait_until

PROJECT = Path(__file__).resolve().parent / "foreign"
DAPHNE = (
    "-c",
    "from channels_realtime import compat; compat.install();"
    "from daphne.cli import CommandLineInterface as C; C.entrypoint()",
)


class Project:
    """The foreign project on the Redis of `url`, under a prefix of its own. A context manager.

    It starts nothing by itself: `worker()` and `interface()` do.
    """

    def __init__(self, url):
        self.url = url
        self.prefix = f"{uuid.uuid4().hex}:"
        self.processes = []
        self.exits = ExitStack()

    def __enter__(self):
        self.folder = Path(self.exits.enter_context(tempfile.TemporaryDirectory()))
        self.log = self.exits.enter_context((self.folder / "log").open("wb"))
        self.environ = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | {
            "PYTHONUNBUFFERED": "1",
            "BOARD_REDIS": self.url,
            "BOARD_PREFIX": self.prefix,
            "BOARD_DATABASE": str(self.folder / "db.sqlite3"),
        }
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        self.exits.close()

    def output(self):
        """What all processes have written so far."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self, *arguments):
        """Start Python with the arguments in the project's folder."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=self.environ,
            stdout=self.log,
            stderr=self.log,
        )
        self.processes.append(process)
        return process

    def worker(self, *options):
        """Start a worker; the first makes the database. See Interface.wait_for_worker."""
        if not (self.folder / "db.sqlite3").exists():
            code = self.start("manage.py", "migrate", "--run-syncdb", "-v0").wait(PATIENCE)
            assert code == 0, self.output()
        return self.start("manage.py", "runworker", *options)

    def interface(self, *options, server=("-m", "channels_realtime.interface")):
        """Start an interface server and wait until it listens."""
        port = free_port()
        # By default 5 s, in which a busy machine may not start the worker that is to answer.
        patient = ("--websocket_connect_timeout", str(PATIENCE))
        process = self.start(
            *server, "-p", str(port), *patient, *options, "board.asgi:channel_layer"
        )
        interface = Interface(port, process)
        wait_until(
            lambda: process.poll() is not None or interface.listens(), f"a listener on {port}"
        )
        assert process.poll() is None, self.output()
        return interface


class Interface:
    """A running interface server."""

    def __init__(self, port, process):
        self.port = port
        self.process = process
        self.url = f"ws://127.0.0.1:{port}"

    def listens(self):
        with suppress(ConnectionRefusedError):
            self.connect().close()
            return True

    def connect(self, receive_buffer=None):
        """A TCP connection; a small receive buffer makes the client slow (bytes)."""
        client = socket.socket()
        client.settimeout(PATIENCE)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client

    def request(self, method, path, body=None, headers=None):
        """One HTTP request on a connection of its own; the response, with its `body` read."""
        return http_request(self.port, method, path, body, headers)

    def wait_for_worker(self):
        wait_until(lambda: self.request("GET", "/ready/").status == 200, "a worker's answer")
        return self
