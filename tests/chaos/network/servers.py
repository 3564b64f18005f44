"""Redis, PostgreSQL and external servers, each on a separate machine, and their faults."""

from __future__ import annotations

import json
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from subprocess import PIPE
from typing import IO, Self

import psycopg
import redis
from harness import redis_servers
from harness.process import Command, Process, starved, stopped
from harness.process import Server as AnyServer
from harness.waiting import PATIENCE, meanwhile, wait_until

from tests import postgresql
from tests.chaos.network.machines import Machine
from tests.e2e.stack import ROOT

REDIS_PORT, POSTGRES_PORT, SMTP_PORT, HOOK_PORT = 6379, 5432, 2525, 8080
STOPPED, RUNNING = 0.2, 0.05  # s in turn, for a process that is starved of CPU
EMPTY_EVERY = 5.0  # s
SENTINEL_AGAIN = 1.0  # s
CONNECTIONS = 40  # PostgreSQL's max_connections: the product uses about 10


class Server(AnyServer):
    """A program on a separate machine, and its faults."""

    machine: Machine

    def __enter__(self) -> Self:
        self.machine.__enter__()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        self.kill()
        super().__exit__()
        self.machine.__exit__()

    def pids(self) -> list[int]:
        """Its processes; the first is the one that was started."""
        return self.process.pids() if self.process.is_running() else []

    def kill(self) -> None:
        """Kill all its processes, as a power failure does."""
        if self.process.is_running():
            self.process.kill()

    # Faults, each a context manager

    @contextmanager
    def killed(self) -> Iterator[None]:
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        with stopped(*self.pids()):
            yield

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        with self.machine.unreachable():
            yield

    @contextmanager
    def slow(self) -> Iterator[None]:
        """A slow connection, and a server that responds after up to 0.2 s."""
        with self.machine.slow(), starved(self.pids, STOPPED, RUNNING):
            yield

    @contextmanager
    def speaking_garbage(self, port: int, seed: int) -> Iterator[None]:
        """Another program on its port sends responses that no client can parse."""
        program = [sys.executable, "-m", "tests.chaos.network.garbage", self.machine.address]
        log = self.make_folder() / "garbage"
        log.unlink(missing_ok=True)
        command = [*self.machine.prefix, *program, port, seed]
        with Process(command, log=log) as garbage:
            garbage.wait_ready(lambda: garbage.output(), "the server of garbage to listen")
            yield


class RedisServer(Server, redis_servers.RedisServer):
    """`options` go to its command line. The tests use its unix socket, which no fault reaches."""

    def __init__(self, name: str, *options: str) -> None:
        self.machine = Machine(name)
        own = ["--unixsocket", "socket", "--protected-mode", "no", *options]
        address, prefix = self.machine.address, self.machine.prefix
        super().__init__(*own, port=REDIS_PORT, address=address, prefix=prefix)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=f"{self.folder}/socket")

    def role(self) -> str:
        """Its role as reported by itself: master or slave."""
        with self.client() as client:
            return str(client.info("replication")["role"])

    @contextmanager
    def garbage(self, seed: int) -> Iterator[None]:
        """Cut its connections; clients that reconnect get garbage."""
        with self.client() as client, ExitStack() as ending:
            client.config_set("port", 0)
            ending.callback(client.config_set, "port", REDIS_PORT)
            ending.enter_context(self.speaking_garbage(REDIS_PORT, seed))
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            yield

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no memory and forbid eviction, so that every write is refused."""
        with self.limited("noeviction", lambda used: 1):
            yield

    @contextmanager
    def evicting(self, policy: str) -> Iterator[None]:
        """Limit its memory to half of what it uses, so that it evicts keys."""
        with self.client() as client:
            held = int(client.memory_stats()["dataset.bytes"])
        with self.limited(policy, lambda used: used - max(held // 2, 4096)):
            yield

    @contextmanager
    def limited(self, policy: str, limit: Callable[[int], int]) -> Iterator[None]:
        with self.client() as client:
            client.config_set("maxmemory-policy", policy)
            client.config_set("maxmemory", limit(int(client.info("memory")["used_memory"])))
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)

    @contextmanager
    def emptied(self, generator: random.Random) -> Iterator[None]:
        """Delete a random half of the keys, at once and then every few seconds."""

        def empty(ended: threading.Event) -> None:
            with self.client() as client:
                while True:
                    keys = sorted(client.scan_iter(count=1000))
                    if chosen := generator.sample(keys, (len(keys) + 1) // 2):
                        client.delete(*chosen)
                    if ended.wait(EMPTY_EVERY):
                        return

        with meanwhile(empty):
            yield


class LastingSentinel(redis_servers.RedisSentinel):
    """It is started again whenever it ends, as an init would.

    An assertion ends Redis 7.0's Sentinel when the master's port answers garbage.
    """

    def keep(self, ended: threading.Event) -> None:
        while not ended.wait(SENTINEL_AGAIN):
            if not self.process.is_running():
                self.launch()


class SentinelMaster:
    """A Redis, its replica and a Sentinel. `current` is the current master."""

    SERVICE = "chaos"
    SETTINGS = {"down-after-milliseconds": 2000, "failover-timeout": 6000}
    PORT = 26379

    def __init__(self) -> None:
        self.servers = RedisServer("redis-a"), RedisServer("redis-b")
        self.url = f"sentinel://127.0.0.1:{self.PORT}/{self.SERVICE}"

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            for server in self.servers:
                exits.enter_context(server)
            first, second = self.servers
            with second.client() as client:
                client.replicaof(first.machine.address, REDIS_PORT)
            self.sentinel = exits.enter_context(
                LastingSentinel(first, self.SERVICE, port=self.PORT, settings=self.SETTINGS)
            )
            exits.enter_context(meanwhile(self.sentinel.keep))
            wait_until(self.is_whole, "a replica that Sentinel knows")
            self.exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.exits.close()

    def is_whole(self) -> bool:
        """A master, and a replica that follows it."""
        with suppress(redis.RedisError, OSError, KeyError), self.sentinel.client() as client:
            known = client.sentinel_slaves(self.SERVICE)  # none before the master's first INFO
            roles = {server.role() for server in self.servers}
            follows = [not replica["is_disconnected"] for replica in known]
            return roles == {"master", "slave"} and follows == [True]
        return False

    @property
    def current(self) -> RedisServer:
        """The current master; waits for a Sentinel that is being restarted."""
        address = wait_until(self.sentinel.master, "an answer of the Sentinel")
        return next(server for server in self.servers if server.machine.address == address)


class PostgresServer(Server, postgresql.PostgresServer):
    """The tests use its unix socket, which no fault reaches."""

    def __init__(self) -> None:
        self.machine = Machine("postgresql")
        limit = ["-c", f"max_connections={CONNECTIONS}"]
        namespace = self.machine.name
        super().__init__(self.machine.address, *limit, port=POSTGRES_PORT, namespace=namespace)

    def connect(self) -> psycopg.Connection:
        """Connect to its unix socket, which network faults do not affect."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="liveblog", dbname="postgres"
        )

    @contextmanager
    def garbage(self, seed: int) -> Iterator[None]:
        """Stop it, and run a program that sends garbage on its port."""
        with self.killed(), self.speaking_garbage(POSTGRES_PORT, seed):
            yield

    @contextmanager
    def full(self) -> Iterator[None]:
        """Hold all of its connections, after closing those of the product."""
        held: list[psycopg.Connection] = []
        try:
            for _ in range(5):
                self.fill(held)
                # Use one of the held connections, because none is free.
                own = [connection.info.backend_pid for connection in held]
                held[0].execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE backend_type = 'client backend' AND NOT pid = ANY(%s)",
                    [own],
                )
                held[0].commit()
            self.fill(held)
            yield
        finally:
            for connection in held:
                connection.close()

    def fill(self, held: list[psycopg.Connection]) -> None:
        with suppress(psycopg.OperationalError):
            while True:
                held.append(self.connect())


class Outside(Server):
    """External servers: a mail server and a webhook host, with what they received."""

    def __init__(self) -> None:
        self.name = "outside"
        self.machine = Machine(self.name)
        self.prefix = self.machine.prefix
        self.mail_url = f"smtp://{self.machine.address}:{SMTP_PORT}"
        self.hook_url = f"http://{self.machine.address}:{HOOK_PORT}/hook"
        self.mails: list[str] = []  # subjects
        self.revisions: dict[int, float] = {}  # that webhooks told -> when
        self.ready: queue.Queue[bool] = queue.Queue()

    def command(self) -> Command:
        program = [sys.executable, "-m", "tests.chaos.network.outside", self.machine.address]
        return [*program, SMTP_PORT, HOOK_PORT]

    def start(self) -> Self:
        self.process = Process([*self.prefix, *self.command()], cwd=ROOT, output=PIPE)
        threading.Thread(target=self.listen, args=[self.process.popen.stdout], daemon=True).start()
        assert self.ready.get(timeout=PATIENCE)
        return self

    def listen(self, stdout: IO[bytes]) -> None:
        with stdout as lines:
            for line in lines:
                value = json.loads(line)
                if "mail" in value:
                    self.mails.append(value["mail"])
                elif "hook" in value:
                    self.revisions.setdefault(value["hook"], time.monotonic())
                else:
                    self.ready.put(True)

    @contextmanager
    def garbage(self, port: int, seed: int) -> Iterator[None]:
        with self.killed(), self.speaking_garbage(port, seed):
            yield
