"""Redis, PostgreSQL and the servers of others, each on a machine of its own, and their faults."""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import redis
from harness.services import PATIENCE, wait_until

from tests.chaos.network.machines import Machine

REDIS_PORT, POSTGRES_PORT, SMTP_PORT, HOOK_PORT = 6379, 5432, 2525, 8080
STOPPED, RUNNING = 0.2, 0.05  # s in turns: a process that is starved of CPU
EMPTY_EVERY = 5.0  # s
SENTINEL_AGAIN = 1.0  # s
CONNECTIONS = 40  # PostgreSQL's max_connections: the product takes about 10


@contextmanager
def frozen(pids: Callable[[], list[int]]) -> Iterator[None]:
    """Processes that do nothing (SIGSTOP)."""
    stopped = pids()
    send(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        send(stopped, signal.SIGCONT)


@contextmanager
def starved(pids: Callable[[], list[int]]) -> Iterator[None]:
    """Processes that run a fifth of the time."""
    ended = threading.Event()

    def stutter() -> None:
        while not ended.wait(RUNNING):
            with frozen(pids):
                ended.wait(STOPPED)

    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def send(pids: list[int], signum: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


class Server:
    """One program on a machine. A context manager; the machine is its own."""

    def __init__(self, name: str):
        self.machine = Machine(name)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.machine.__enter__()
        self.folder = Path(tempfile.mkdtemp(prefix=f"chaos-{self.machine.name}-"))
        self.folder.chmod(0o755)
        self.prepare()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.machine.__exit__()

    def prepare(self) -> None:
        """What is made once, before the first start."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self.machine.prefix, *self.command()],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.answers, f"{self.machine.name} to answer")

    def pids(self) -> list[int]:
        """Its processes; the first is the one that was started."""
        if self.process is None:
            return []
        return [self.process.pid, *children(self.process.pid)]

    def kill(self) -> None:
        """kill -9 of everything that belongs to it, as a loss of power."""
        if self.process is not None:
            pids = self.pids()
            send(pids, signal.SIGKILL)
            self.process.wait(PATIENCE)
            self.process = None
            wait_until(lambda: not any(map(is_running, pids)), f"{self.machine.name}'s end")

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
        with frozen(self.pids):
            yield

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        with self.machine.unreachable():
            yield

    @contextmanager
    def slow(self) -> Iterator[None]:
        """A thin line, and a server that answers after up to 0.2 s."""
        with self.machine.slow(), starved(self.pids):
            yield

    @contextmanager
    def speaking_garbage(self, port: int, seed: int) -> Iterator[None]:
        """Another program has its port, and answers what no client can parse."""
        program = [sys.executable, "-m", "tests.chaos.network.garbage"]
        garbage = subprocess.Popen(
            [*self.machine.prefix, *program, self.machine.address, str(port), str(seed)],
            stdout=subprocess.PIPE,
        )
        assert garbage.stdout is not None
        try:
            assert garbage.stdout.readline(), "the server of garbage does not listen"
            yield
        finally:
            garbage.kill()
            garbage.wait()
            garbage.stdout.close()


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


class RedisServer(Server):
    """`options` go to its command line. The tests use its unix socket, which no fault reaches."""

    def __init__(self, name: str, *options: str):
        super().__init__(name)
        self.options = options
        self.url = f"redis://{self.machine.address}:{REDIS_PORT}/0"

    def command(self) -> list[str]:
        bound = ["--bind", self.machine.address, "--port", str(REDIS_PORT)]
        files = ["--save", "", "--appendonly", "no", "--unixsocket", str(self.folder / "socket")]
        return ["redis-server", *bound, *files, "--protected-mode", "no", *self.options]

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.folder / "socket"), decode_responses=False)

    def answers(self) -> bool:
        with suppress(redis.ConnectionError, redis.BusyLoadingError), self.client() as client:
            return bool(client.ping())
        return False

    def role(self) -> str:
        """What it takes itself for: master or slave."""
        with self.client() as client:
            return str(client.info("replication")["role"])

    @contextmanager
    def garbage(self, seed: int) -> Iterator[None]:
        """Its connections are cut, and who connects again gets garbage."""
        with self.client() as client, ExitStack() as ending:
            client.config_set("port", 0)
            ending.callback(client.config_set, "port", REDIS_PORT)
            ending.enter_context(self.speaking_garbage(REDIS_PORT, seed))
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            yield

    @contextmanager
    def full(self) -> Iterator[None]:
        """No memory is left, and nothing may be evicted: every write is refused."""
        with self.limited("noeviction", lambda used: 1):
            yield

    @contextmanager
    def evicting(self, policy: str) -> Iterator[None]:
        """Half of what it holds must go, and it stays as small as that."""
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
        """A random half of the keys is deleted, and again every few seconds."""
        ended = threading.Event()

        def empty() -> None:
            with self.client() as client:
                while True:
                    keys = sorted(client.scan_iter(count=1000))
                    if chosen := generator.sample(keys, (len(keys) + 1) // 2):
                        client.delete(*chosen)
                    if ended.wait(EMPTY_EVERY):
                        return

        thread = threading.Thread(target=empty)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class SentinelMaster:
    """A Redis, its replica and a Sentinel beside the product. `current` is the master of now."""

    SERVICE = "chaos"
    DOWN_AFTER = 2.0  # s
    PORT = 26379

    def __init__(self) -> None:
        self.servers = RedisServer("redis-a"), RedisServer("redis-b")
        self.ended = threading.Event()
        self.url = f"sentinel://127.0.0.1:{self.PORT}/{self.SERVICE}"

    def __enter__(self) -> SentinelMaster:
        with ExitStack() as exits:
            for server in self.servers:
                exits.enter_context(server)
            first, second = self.servers
            with second.client() as client:
                client.replicaof(first.machine.address, REDIS_PORT)
            self.folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            configuration = self.folder / "sentinel.conf"
            configuration.write_text(
                f"port {self.PORT}\nbind 127.0.0.1\n"
                f"sentinel monitor {self.SERVICE} {first.machine.address} {REDIS_PORT} 1\n"
                f"sentinel down-after-milliseconds {self.SERVICE} {self.DOWN_AFTER * 1000:.0f}\n"
                f"sentinel failover-timeout {self.SERVICE} 6000\n"
            )
            exits.callback(self.end_sentinel)
            threading.Thread(target=self.run_sentinel, args=[configuration], daemon=True).start()
            wait_until(self.is_whole, "a replica that Sentinel knows")
            self.exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.exits.close()

    def run_sentinel(self, configuration: Path) -> None:
        """Start it again whenever it ends, as an init would.

        An assertion ends Redis 7.0's Sentinel when the master's port answers garbage.
        """
        while not self.ended.is_set():
            self.process = subprocess.Popen(
                ["redis-server", str(configuration), "--sentinel"],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.process.wait()
            self.ended.wait(SENTINEL_AGAIN)

    def end_sentinel(self) -> None:
        self.ended.set()
        self.process.kill()
        self.process.wait()

    def sentinel(self) -> redis.Redis:
        return redis.Redis(port=self.PORT, decode_responses=True)

    def is_whole(self) -> bool:
        """A master, and a replica that follows it."""
        with suppress(redis.RedisError, OSError, KeyError), self.sentinel() as client:
            [replica] = client.sentinel_slaves(self.SERVICE)
            roles = {server.role() for server in self.servers}
            return roles == {"master", "slave"} and not replica["is_disconnected"]
        return False

    @property
    def current(self) -> RedisServer:
        """The master of now; waits for a Sentinel that is just being started again."""
        address = wait_until(self.look_up, "an answer of the Sentinel")
        return next(server for server in self.servers if server.machine.address == address)

    def look_up(self) -> str | None:
        with suppress(redis.RedisError, OSError), self.sentinel() as client:
            return str(client.sentinel_get_master_addr_by_name(self.SERVICE)[0])
        return None


class PostgresServer(Server):
    """As root it runs as another user, for PostgreSQL refuses root."""

    user = "postgres"

    def __init__(self) -> None:
        super().__init__("postgresql")
        self.url = f"postgres://liveblog@{self.machine.address}:{POSTGRES_PORT}/postgres"

    def prepare(self) -> None:
        self.binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        shutil.chown(self.folder, self.user)
        self.folder.chmod(0o711)
        initdb = [str(self.binaries / "initdb"), "-D", "data", "-U", "liveblog", "-A", "trust"]
        subprocess.run(
            [*self.as_user, *initdb, "-E", "UTF8"],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with (self.folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all samenet trust\n")

    @property
    def as_user(self) -> list[str]:
        return f"setpriv --reuid {self.user} --regid {self.user} --clear-groups".split()

    def command(self) -> list[str]:
        options = ["-k", str(self.folder), "-h", self.machine.address, "-c", "fsync=off"]
        limits = ["-c", f"max_connections={CONNECTIONS}"]
        program = [str(self.binaries / "postgres"), "-D", "data", "-p", str(POSTGRES_PORT)]
        return [*self.as_user, *program, *options, *limits]

    def connect(self) -> psycopg.Connection:
        """By its unix socket, which no fault of the network reaches."""
        return psycopg.connect(
            host=str(self.folder), port=POSTGRES_PORT, user="liveblog", dbname="postgres"
        )

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False

    @contextmanager
    def garbage(self, seed: int) -> Iterator[None]:
        """It is stopped, and a program that talks garbage has its port."""
        with self.killed(), self.speaking_garbage(POSTGRES_PORT, seed):
            yield

    @contextmanager
    def full(self) -> Iterator[None]:
        """Others hold all of its connections; those of the product are ended first."""
        held: list[psycopg.Connection] = []
        try:
            for _ in range(5):
                self.fill(held)
                # In one connection that is held: there is no free one to do it from.
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
    """The servers of others: a mail server and a host of webhooks. `mails` and `hooks` grow."""

    def __init__(self) -> None:
        super().__init__("outside")
        self.mail_url = f"smtp://{self.machine.address}:{SMTP_PORT}"
        self.hook_url = f"http://{self.machine.address}:{HOOK_PORT}/hook"
        self.mails: list[str] = []  # subjects
        self.revisions: dict[int, float] = {}  # that webhooks told -> when
        self.ready: queue.Queue[bool] = queue.Queue()

    def command(self) -> list[str]:
        program = [sys.executable, "-m", "tests.chaos.network.outside", self.machine.address]
        return [*program, str(SMTP_PORT), str(HOOK_PORT)]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self.machine.prefix, *self.command()], stdout=subprocess.PIPE
        )
        threading.Thread(target=self.listen, args=[self.process], daemon=True).start()
        assert self.ready.get(timeout=PATIENCE)

    def listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
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
