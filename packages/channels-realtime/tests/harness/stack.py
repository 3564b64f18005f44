"""A Redis, interface servers and workers of the small project: real processes, ours or stock."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import asgi_redis
import redis
from channels_realtime.layer.channel_layer import RedisChannelLayer
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from harness.services import PATIENCE, RedisServer, free_port, http_request, wait_until

PROJECT = Path(__file__).resolve().parent / "project"
STOCK_DAPHNE = (
    "-c",
    "from channels_realtime import compat; compat.install();"
    "from daphne.cli import CommandLineInterface as C; C.entrypoint()",
)


class Stack:
    """Starts its Redis; interface() and worker() start the rest.

    Args:
        kind: ours or stock.
        url: where the channel layer finds its Redis, if not at that of the stack.
    """

    def __init__(self, kind="ours", capacity=100, group_expiry=86400, redis_options=(), url=None):
        self.kind = kind
        self.ours = kind == "ours"
        self.redis_server = RedisServer(*redis_options)
        self.url = url or self.redis_server.url
        self.capacity = capacity
        self.group_expiry = group_expiry
        self.exits = ExitStack()
        self.processes = []

    def __enter__(self):
        self.folder = Path(self.exits.enter_context(tempfile.TemporaryDirectory()))
        (self.folder / "sessions").mkdir()
        self.redis_server.start()
        self.exits.callback(self.redis_server.stop, signal.SIGKILL)
        self.redis = redis.Redis.from_url(self.redis_server.url)
        self.environ = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | {
            "PYTHONUNBUFFERED": "1",
            "SMALL_STACK": self.kind,
            "SMALL_REDIS": self.url,
            "SMALL_BOOK": self.redis_server.url,
            "SMALL_CAPACITY": str(self.capacity),
            "SMALL_ATTEMPTS": "2",
            "SMALL_GROUP_EXPIRY": str(self.group_expiry),
            "SMALL_SESSIONS": str(self.folder / "sessions"),
        }
        config = {"capacity": self.capacity, "group_expiry": self.group_expiry}
        if self.ours:
            config |= {"acknowledged": ["careful"]}
        layer_class = RedisChannelLayer if self.ours else asgi_redis.RedisChannelLayer
        self.layer = layer_class(hosts=[self.redis_server.url], **config)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.end()
        self.exits.close()

    def start(self, *arguments, pass_as_stdin=None, **environ):
        process = Process(
            self.folder / f"{len(self.processes)}.log",
            [sys.executable, *arguments],
            self.environ | environ,
            pass_as_stdin,
        )
        self.processes.append(process)
        return process

    def worker(self, *options, **environ):
        """Start a worker and wait until it listens."""
        process = self.start("manage.py", "runworker", *options, **environ)
        process.wait_for_output("Listening on channels")
        return process

    def interface(self, *options, listen=None, **start_options):
        """Start an interface server on a free port and wait for it; or where `listen` says."""
        port = free_port()
        others = self.registered()
        listen = ("-p", str(port)) if listen is None else listen
        server = ("-m", "channels_realtime.interface") if self.ours else STOCK_DAPHNE
        # By default 5 s, in which a busy machine may not start the worker that is to answer.
        patient = ("--websocket_connect_timeout", str(PATIENCE), "-v", "0")
        process = self.start(
            *server, *listen, *patient, *options, "small.asgi:channel_layer", **start_options
        )
        process.port = port
        if "-p" in listen:
            wait_until(
                lambda: (
                    not process.is_running()
                    or (can_connect(port) and (not self.ours or self.registered() - others))
                ),
                f"a server on port {port}",
            )
            assert process.popen.poll() is None, process.output()
        return process

    def registered(self):
        """The interface servers of ours that Redis knows."""
        return set(self.redis.zrange(f"{self.layer.prefix}:processes", 0, -1))

    # What consumers wrote down, and the gate that holds them

    def book(self, page):
        """The lines that consumers have written on a page so far."""
        return [line.decode() for line in self.redis.lrange(f"book:{page}", 0, -1)]

    def wait_for_lines(self, page, number):
        wait_until(lambda: len(self.book(page)) >= number, f"{number} lines of {page}")
        return self.book(page)

    def open_gate(self):
        self.redis.set("gate:hold", 1)

    def clear_book(self):
        """An empty book and a closed gate."""
        self.redis.delete("gate:hold", *self.redis.scan_iter("book:*"))

    @contextmanager
    def commands(self):
        """Counts the commands that Redis carries out meanwhile: name -> number."""
        counter = Counter()
        before = self.command_counts()
        yield counter
        counter.update(self.command_counts() - before)

    def command_counts(self):
        statistics = self.redis.info("commandstats")
        return Counter({name[len("cmdstat_") :]: s["calls"] for name, s in statistics.items()})


class Process:
    """A Python process in the project's folder; what it prints goes to a file of its own."""

    def __init__(self, log, command, environ, pass_as_stdin=None):
        self.log = log
        with log.open("wb") as stream:
            self.popen = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environ,
                stdin=subprocess.DEVNULL if pass_as_stdin is None else pass_as_stdin,
                stdout=stream,
                stderr=stream,
            )
        self.pid = self.popen.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for_output(self, words):
        wait_until(lambda: self.popen.poll() is not None or words in self.output(), repr(words))
        assert words in self.output(), self.output()

    def is_running(self):
        return self.popen.poll() is None

    def send_signal(self, signum):
        self.popen.send_signal(signum)

    def wait(self):
        """Wait for its end; the exit code."""
        return self.popen.wait(PATIENCE)

    def stop(self, signum=signal.SIGTERM):
        self.send_signal(signum)
        return self.wait()

    def end(self):
        if self.is_running():
            self.popen.kill()
        self.popen.wait(PATIENCE)

    # Of an interface server

    def websocket(self, path="/tool/", **options):
        """A WebSocket client. `recv()` waits as long as tests wait; a context manager."""
        return Client(f"ws://127.0.0.1:{self.port}{path}", **options)

    @contextmanager
    def websockets(self, number, path="/tool/"):
        """Many at once. A server may be busy, so each is given several tries."""
        with ThreadPoolExecutor(16) as pool:
            clients = list(pool.map(lambda _: self.websocket(path), range(number)))
        try:
            yield clients
        finally:
            for client in clients:
                with suppress(OSError, ConnectionClosed):
                    client.drop()

    def request(self, method, path, body=None, headers=None):
        """One HTTP request on a connection of its own; the response, with its `body` read."""
        return http_request(self.port, method, path, body, headers)

    def raw(self):
        """A TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def raw_handshake(self, path="/tool/", **headers):
        """A TCP connection on which a WebSocket handshake was sent and no answer read."""
        connection = self.raw()
        connection.sendall(handshake(self.port, path, headers))
        return connection


class Client:
    """A WebSocket client whose waits are bounded by the tests' patience."""

    def __init__(self, url, **options):
        options = {"proxy": None, "ping_interval": None, "open_timeout": PATIENCE} | options
        self.exits = ExitStack()
        self.connection = self.exits.enter_context(connect(url, **options))

    def recv(self):
        return self.connection.recv(timeout=PATIENCE)

    def send(self, content):
        self.connection.send(content)

    def ask(self, content):
        self.send(content)
        return self.recv()

    def close_code(self):
        """Read until the server closes; its code, or None for a bare end of the connection."""
        try:
            while True:
                self.recv()
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code

    def received_until_asked(self, marker):
        """All messages that come before the echo of the marker."""
        self.send(marker)
        found = []
        while (message := self.recv()) != marker:
            found.append(message)
        return found

    def drop(self):
        """Close without waiting for the server's half."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.exits.close()


def handshake(port, path, headers):
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1")


def read_until(connection, mark):
    """What the peer sends up to and with the mark, or up to its end."""
    data = b""
    while mark not in data:
        chunk = connection.recv(4096)
        if not chunk:
            break
        data += chunk
    return data


def status_of(connection):
    """The status of the answer that is read from a raw connection."""
    head = read_until(connection, b"\r\n\r\n")
    assert head, "the connection ended without an answer"
    return int(head.split(b" ")[1])


def can_connect(port):
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        return True


def listening_ports(pid):
    """The TCP ports that a process listens on, as the kernel sees it."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(descriptor))
    ports = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports
