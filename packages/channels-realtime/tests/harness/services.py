"""Real servers for the tests, each on a free port, waited for by asking it."""

import http.client
import itertools
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

PATIENCE = 60  # s: for a machine under load; nothing waits this long where all is well
POLL = 0.02  # s between two questions


# Below the ports that the kernel gives to outgoing connections, one of which could take a port
# between its choice and its use. Each of xdist's workers has ports of its own, for one may be used
# long after its choice; each of several runs at once begins somewhere else.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
PORTS = itertools.cycle(random.SystemRandom().sample(range(10_000 + WORKER, 32_000, 4), 5_500))


def free_port():
    for port in PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition, what, patience=PATIENCE):
    """Ask again until the condition holds and return its value; fail with `what` was awaited."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(POLL)
    raise AssertionError(f"waited {patience} s in vain for {what}")


@contextmanager
def stopped(*pids):
    """Processes that do nothing (SIGSTOP) while the context lasts."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def http_request(port, method, path, body=None, headers=None, timeout=PATIENCE):
    """One HTTP request on a connection of its own; the response, with its `body` read."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        client.request(method, path, body, headers or {})
        response = client.getresponse()
        response.body = response.read()
        return response
    finally:
        client.close()


class RedisServer:
    """A redis-server of the test's own, on a loopback port. `options` go to its command line."""

    def __init__(self, *options, port=None):
        self.port = port or free_port()
        self.options = options
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
            + ["--save", "", "--appendonly", "no", *self.options],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.answers, f"Redis on port {self.port}")
        return self

    def answers(self):
        # A refusal for want of a password is an answer too.
        with suppress(redis.ConnectionError), redis.Redis(port=self.port) as client:
            with suppress(redis.AuthenticationError):
                client.ping()
            return True

    def stop(self, signum=signal.SIGTERM):
        self.process.send_signal(signum)
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class RedisSentinel:
    """A Sentinel process that watches the RedisServer under the name `service`."""

    def __init__(self, server, service):
        self.server = server
        self.service = service
        self.port = free_port()

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        # Sentinel writes what it learns into its configuration.
        configuration = Path(self.folder.name) / "sentinel.conf"
        configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor {self.service} 127.0.0.1 {self.server.port} 1\n"
        )
        self.process = subprocess.Popen(
            ["redis-server", str(configuration), "--sentinel"],
            cwd=self.folder.name,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.knows_the_server, f"a Sentinel on port {self.port}")
        return self

    def knows_the_server(self):
        sentinel = redis.sentinel.Sentinel([("127.0.0.1", self.port)])
        with suppress(redis.sentinel.MasterNotFoundError):
            return sentinel.discover_master(self.service)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.folder.cleanup()


def runs(pid: int) -> bool:
    """Whether the process executes: a zombie waits only for its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
