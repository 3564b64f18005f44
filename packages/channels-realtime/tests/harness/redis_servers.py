"""Redis and Sentinel. TEST_REDIS_SERVER names another program, such as valkey-server."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import redis
import redis.sentinel

from harness.network import free_port
from harness.process import Command, Server

PROGRAM = os.environ.get("TEST_REDIS_SERVER", "redis-server")


class RedisServer(Server):
    """A redis-server that writes nothing to disk. `options` go to its command line."""

    def __init__(
        self,
        *options: str,
        port: int | None = None,
        address: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        program: str = PROGRAM,
    ):
        self.name = "redis"
        self.program = program
        self.port = port or free_port()
        self.address = address
        self.options = options
        self.prefix = prefix
        self.url = f"redis://{address}:{self.port}/0"

    def command(self) -> Command:
        listen = ["--port", self.port, "--bind", self.address]
        return [self.program, *listen, "--save", "", "--appendonly", "no", *self.options]

    def client(self) -> redis.Redis:
        return redis.Redis(self.address, self.port)

    def answers(self) -> bool:
        # A refusal for want of a password is an answer too.
        with suppress(redis.ConnectionError, redis.BusyLoadingError), self.client() as client:
            with suppress(redis.AuthenticationError):
                client.ping()
            return True
        return False


class RedisCluster(RedisServer):
    """A Redis Cluster of one node, without slots."""

    def __init__(self) -> None:
        # Without the option, its bus takes `port` + 10000, which an outgoing connection may have.
        super().__init__("--cluster-enabled", "yes", "--cluster-port", str(free_port()))


class RedisSentinel(Server):
    """A Sentinel that watches the RedisServer under the name `service`, with more `settings`."""

    def __init__(
        self,
        server: RedisServer,
        service: str,
        *,
        port: int | None = None,
        settings: Mapping[str, int] | None = None,
    ):
        self.name = "sentinel"
        self.server = server
        self.service = service
        self.port = port or free_port()
        self.settings = settings or {}

    def prepare(self, folder: Path) -> None:
        # Sentinel writes what it learns into its configuration.
        lines = [f"port {self.port}", "bind 127.0.0.1"]
        lines += [f"sentinel monitor {self.service} {self.server.address} {self.server.port} 1"]
        lines += [f"sentinel {name} {self.service} {n}" for name, n in self.settings.items()]
        (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")

    def command(self) -> Command:
        return [PROGRAM, "sentinel.conf", "--sentinel"]

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def answers(self) -> bool:
        """Whether it has found the server, as a client finds it."""
        with suppress(redis.RedisError, redis.sentinel.MasterNotFoundError):
            redis.sentinel.Sentinel([("127.0.0.1", self.port)]).discover_master(self.service)
            return True
        return False

    def master(self) -> str | None:
        """The address of the current master; None while it does not answer."""
        with suppress(redis.RedisError, OSError, TypeError), self.client() as client:
            return str(client.sentinel_get_master_addr_by_name(self.service)[0])
        return None
