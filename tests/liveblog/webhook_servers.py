"""Servers that receive webhooks in the tests: one that works, and some that do not."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from harness.network import free_port

from tests.serving import serving

DRIP = 0.05  # s between two parts of a dripping answer


class Received(NamedTuple):
    """One request as it came in."""

    headers: Message
    body: bytes
    path: str


class Receiver(ThreadingHTTPServer):
    """Stores what it receives. Answers with `answers`, one after the other, and then with 204."""

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((address, port), Handler)
        self.got: list[Received] = []
        self.times: list[float] = []  # when each came, of time.monotonic
        self.answers: list[int] = []
        self.refused = b""  # a body that contains this is answered with 500
        self.url = f"http://{address}:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.times.append(time.monotonic())
        self.server.got.append(Received(self.headers, body, self.path))
        status = self.server.answers.pop(0) if self.server.answers else 204
        if self.server.refused and self.server.refused in body:
            status = 500
        self.send_response(status)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def receiving(address: str = "127.0.0.1", port: int = 0) -> Iterator[Receiver]:
    """A Receiver that runs while the context lasts."""
    with serving(Receiver(address, port)) as server:
        yield server


@contextmanager
def dropping_packets(address: str, port: int) -> Iterator[None]:
    """Drop every SYN to this address, as a dead host does: the backlog of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect((address, port))
        yield


@contextmanager
def answering(parts: Iterable[bytes], address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A server that answers each request with these parts, one in DRIP; yields its port."""
    closing = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            for part in parts:
                connection.sendall(part)
                if closing.wait(DRIP):
                    return

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=[connection], daemon=True).start()

    with socket.create_server((address, port)) as listener:
        thread = threading.Thread(target=serve, args=[listener], daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            closing.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def hanging() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


def closed() -> str:
    """A URL at which nothing listens."""
    return f"http://127.0.0.1:{free_port()}/hook"
