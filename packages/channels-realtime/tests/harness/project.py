"""Interface servers and workers of a test project: real processes on free ports."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from websockets.exceptions import ConnectionClosed

from harness.clients import Client, handshake
from harness.network import Response, can_connect, free_port, http_request
from harness.process import Process
from harness.waiting import PATIENCE, wait_until

INTERFACE = ("-m", "channels_realtime.interface")
DAPHNE = (
    "-c",
    "from channels_realtime import compat; compat.install();"
    "from daphne.cli import CommandLineInterface as C; C.entrypoint()",
)

CHANGED = (
    "import os, signal\n"
    "from channels_realtime.interface import command_line, server\n"
    "from channels_realtime.interface.takeover import exporting, giving, messages, taking\n"
    "from channels_realtime.interface.takeover import websockets\n"
    "from channels_realtime.interface.websocket import coalescing, factory, protocol\n"
    "{}\n"
    "command_line.main()\n"
)


def changed(line: str) -> dict[str, Any]:
    """Arguments of Project.interface() for a server of ours with that line added to its code.

    So a test can replace seconds that a busy machine may not keep, or have something fail.
    """
    return {"server": ("-c", CHANGED.format(line))}


class Interface(Process):
    """An interface server, and ways to connect to it."""

    def __init__(self, port: int, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.port = port
        self.url = f"ws://127.0.0.1:{port}"

    def websocket(self, path: str = "/tool/", **options: Any) -> Client:
        """A WebSocket client; a context manager."""
        return Client(self.url + path, **options)

    @contextmanager
    def websockets(self, number: int, path: str = "/tool/") -> Iterator[list[Client]]:
        """Many at once. A server may be busy, so each is given several tries."""
        with ThreadPoolExecutor(16) as pool:
            clients = list(pool.map(lambda _: self.websocket(path), range(number)))
        try:
            yield clients
        finally:
            for client in clients:
                with suppress(OSError, ConnectionClosed):
                    client.drop()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """One HTTP request on a connection of its own."""
        return http_request(self.port, method, path, body, headers)

    def raw(self, receive_buffer: int | None = None) -> socket.socket:
        """A TCP connection; a small receive buffer (bytes) makes the client slow."""
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

    def raw_handshake(self, path: str = "/tool/", **headers: str) -> socket.socket:
        """A TCP connection on which a WebSocket handshake was sent and no answer read."""
        connection = self.raw()
        connection.sendall(handshake(self.port, path, headers))
        return connection

    def wait_for_worker(self) -> Self:
        """Wait until a worker answers."""
        wait_until(lambda: self.request("GET", "/ready/").status == 200, "a worker's answer")
        return self


class Project:
    """A Django project. A context manager, which starts nothing: worker() and interface() do.

    What its processes are told is in `environ`, which may be changed before they start.
    """

    root: Path  # the folder with its manage.py
    layer_path: str  # module:attribute of its channel layer
    environ: dict[str, str]

    def __init__(self) -> None:
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        self.temporary = tempfile.TemporaryDirectory(prefix="liveblog-project-")
        self.folder = Path(self.temporary.name)
        inherited = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        self.environ = inherited | {"PYTHONUNBUFFERED": "1"}
        return self

    def __exit__(self, failure: type[BaseException] | None = None, *_: object) -> None:
        for process in self.processes:
            process.end()
            if failure is not None:  # pytest shows it, and the log goes with the folder
                print(f"log of process {process.pid}, {process.popen.args}")
                print(process.output()[-4000:])
        self.temporary.cleanup()

    def options(self, stdin: Any = None, **environ: str) -> dict[str, Any]:
        """What every process of the project is started with; each has a log of its own."""
        options = {
            "log": self.folder / f"{len(self.processes)}.log",
            "cwd": self.root,
            "env": self.environ | environ,
        }
        return options if stdin is None else options | {"stdin": stdin}

    def start(self, *arguments: str, **environ: str) -> Process:
        """Start Python with the arguments in the project's folder."""
        process = Process([sys.executable, *arguments], **self.options(**environ))
        self.processes.append(process)
        return process

    def worker(self, *options: str, **environ: str) -> Process:
        return self.start("manage.py", "runworker", *options, **environ)

    def start_interface(
        self,
        *options: str,
        server: Sequence[str] = INTERFACE,
        listen: Sequence[str] | None = None,
        stdin: Any = None,
        **environ: str,
    ) -> Interface:
        """Start an interface server on a free port, or where `listen` says."""
        port = free_port()
        listen = ("-p", str(port)) if listen is None else listen
        command = [sys.executable, *server, *listen, *options, self.layer_path]
        interface = Interface(port, command, **self.options(stdin, **environ))
        self.processes.append(interface)
        return interface

    def interface(self, *options: str, **more: Any) -> Interface:
        """The same, waited for until it listens."""
        # By default 5 s, in which a busy machine may not start the worker that is to answer.
        patient = ("--websocket_connect_timeout", str(PATIENCE), "-v", "0")
        interface = self.start_interface(*patient, *options, **more)
        if more.get("listen") is None:
            interface.wait_ready(lambda: can_connect(interface.port), "an interface server")
        return interface

    def output(self) -> str:
        """What all processes have written so far."""
        return "".join(process.output() for process in self.processes)


class Board(Project):
    """The foreign project on the Redis of `url`, under a prefix of its own.

    Args:
        environ: more for its settings, as BOARD_LAYER and BOARD_SESSIONS.
    """

    root = Path(__file__).resolve().parent / "foreign"
    layer_path = "board.asgi:channel_layer"

    def __init__(self, url: str, **environ: str):
        super().__init__()
        self.url = url
        self.settings = environ
        self.prefix = f"{os.urandom(16).hex()}:"

    def __enter__(self) -> Self:
        super().__enter__()
        self.environ |= {
            "BOARD_REDIS": self.url,
            "BOARD_PREFIX": self.prefix,
            "BOARD_DATABASE": str(self.folder / "db.sqlite3"),
        } | self.settings
        return self

    def worker(self, *options: str, **environ: str) -> Process:
        """Start a worker; the first makes the database. See Interface.wait_for_worker."""
        self.make_database()
        return super().worker(*options, **environ)

    def runserver(self) -> Interface:
        """Start the development server, and wait until one of its worker threads answers."""
        self.make_database()
        port = free_port()
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        server = Interface(port, command, **self.options())
        self.processes.append(server)
        server.wait_ready(lambda: can_connect(port), "the development server")
        return server.wait_for_worker()

    def make_database(self) -> None:
        """Make the tables, once."""
        if not (self.folder / "db.sqlite3").exists():
            migrate = self.start("manage.py", "migrate", "--run-syncdb", "-v0")
            assert migrate.wait() == 0, migrate.output()
