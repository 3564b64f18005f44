"""A Redis, interface servers and workers of the small project: ours, or the stock packages."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import asgi_redis
import redis
from channels_realtime.layer.channel_layer import RedisChannelLayer

from harness.process import Process
from harness.project import DAPHNE, INTERFACE, Interface, Project
from harness.redis_servers import RedisServer
from harness.waiting import wait_until


class Stack(Project):
    """Starts its Redis; interface() and worker() start the rest.

    Args:
        kind: ours or stock.
        capacity: messages in a channel.
        group_expiry: seconds.
        url: where the channel layer finds its Redis, if not at that of the stack.
    """

    root = Path(__file__).resolve().parent / "project"
    layer_path = "small.asgi:channel_layer"

    def __init__(
        self,
        kind: str = "ours",
        capacity: int = 100,
        group_expiry: int = 86400,
        redis_options: Sequence[str] = (),
        url: str | None = None,
    ):
        super().__init__()
        self.kind = kind
        self.ours = kind == "ours"
        self.redis_server = RedisServer(*redis_options)
        self.url = url or self.redis_server.url
        self.capacity = capacity
        self.group_expiry = group_expiry

    def __enter__(self) -> Self:
        super().__enter__()
        (self.folder / "sessions").mkdir()
        self.redis_server.start()
        self.redis = redis.Redis.from_url(self.redis_server.url)
        self.environ |= {
            "SMALL_STACK": self.kind,
            "SMALL_REDIS": self.url,
            "SMALL_BOOK": self.redis_server.url,
            "SMALL_CAPACITY": str(self.capacity),
            "SMALL_ATTEMPTS": "2",
            "SMALL_GROUP_EXPIRY": str(self.group_expiry),
            "SMALL_SESSIONS": str(self.folder / "sessions"),
        }
        config: dict[str, Any] = {"capacity": self.capacity, "group_expiry": self.group_expiry}
        if self.ours:
            config |= {"acknowledged": ["careful"]}
        layer_class = RedisChannelLayer if self.ours else asgi_redis.RedisChannelLayer
        self.layer = layer_class(hosts=[self.redis_server.url], **config)
        return self

    def __exit__(self, failure: type[BaseException] | None = None, *_: object) -> None:
        super().__exit__(failure)
        self.redis_server.close()

    def worker(self, *options: str, **environ: str) -> Process:
        """Start a worker and wait until it listens."""
        process = super().worker(*options, **environ)
        process.wait_for_output("Listening on channels")
        return process

    def interface(self, *options: str, **more: Any) -> Interface:
        """Start an interface server, and wait until it listens and Redis has it."""
        others = self.registered()
        more = {"server": INTERFACE if self.ours else DAPHNE} | more
        interface = super().interface(*options, **more)
        if self.ours and more.get("listen") is None:
            interface.wait_ready(lambda: self.registered() - others, "its registration")
        return interface

    def registered(self) -> set[bytes]:
        """The interface servers of ours that Redis has."""
        return set(self.redis.zrange(f"{self.layer.prefix}:processes", 0, -1))

    # What consumers wrote down, and the gate that holds them

    def book(self, page: str) -> list[str]:
        """The lines that consumers have written on a page so far."""
        return [line.decode() for line in self.redis.lrange(f"book:{page}", 0, -1)]

    def wait_for_lines(self, page: str, number: int) -> list[str]:
        wait_until(lambda: len(self.book(page)) >= number, f"{number} lines of {page}")
        return self.book(page)

    def open_gate(self) -> None:
        self.redis.set("gate:hold", 1)

    def clear_book(self) -> None:
        """An empty book and a closed gate."""
        self.redis.delete("gate:hold", *self.redis.scan_iter("book:*"))

    @contextmanager
    def commands(self) -> Iterator[Counter[str]]:
        """Counts the commands that Redis carries out meanwhile: name -> number."""
        counter: Counter[str] = Counter()
        before = self.command_counts()
        yield counter
        counter.update(self.command_counts() - before)

    def command_counts(self) -> Counter[str]:
        statistics = self.redis.info("commandstats")
        return Counter({name[len("cmdstat_") :]: s["calls"] for name, s in statistics.items()})
