"""The product, its dependencies, its readers and its writers: everything that faults affect."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.waiting import PATIENCE, meanwhile, wait_until

from tests.chaos.cells import Dependency, Group
from tests.chaos.clients.crowd import Crowd
from tests.chaos.clients.desk import Desk
from tests.chaos.clients.pages import Pages
from tests.chaos.clients.prober import ask
from tests.chaos.clients.watchers import Watchers
from tests.chaos.network.proxy import Proxy
from tests.chaos.network.servers import (
    Outside,
    PostgresServer,
    RedisServer,
    SentinelMaster,
    Server,
)
from tests.chaos.product import Product
from tests.chaos.resources import Usage, measure
from tests.chaos.tree import Tree
from tests.chaos.truth import Postgres, SQLite, Truth

SLUG = "chaos"
# The percentage of readers on each lane with faults of its own. The others are affected only by
# faults of the product.
SHARES = {"rough": 40, "slow": 10, "sleepy": 10}
WATCHERS = 12
PAGES = 2  # in Chromium
STALE = 5  # readers that open the stale page each time, and are replaced the next time
FIRST_ROWS = 60  # so that a page does not show all rows
MAIL_EVERY = 15.0  # s: longer than one mail may block a worker
LOOK_EVERY = 0.1  # s
GARBAGE_CLIENTS = 3
QUIET = 0.5  # s without an acknowledgement, of eight per second


class Stage:
    """A context manager. `readers`: pages in Node, in addition to the watchers and Chromium's.

    The product's output is appended to a file in `folder`.
    """

    outside: Outside

    def __init__(self, group: Group, seed: int, readers: int, folder: Path) -> None:
        self.group, self.seed, self.readers = group, seed, readers
        self.log = folder / f"{group}.log"
        self.random = random.Random(f"{seed} {group}")
        self.mailed = 0
        self.servers: dict[Dependency, Callable[[], Server]] = {}

    def __enter__(self) -> Stage:
        with ExitStack() as exits:
            self.enter_servers(exits)
            self.enter_product(exits)
            self.enter_clients(exits)
            self.usage = self.measure()  # after warming up: a new process is smaller
            self.exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.exits.close()

    def enter_servers(self, exits: ExitStack) -> None:
        """Start the dependencies, each on its own machine, and set `environ` accordingly."""
        self.environ: dict[str, str] = {}
        if self.group is Group.SENTINEL:
            sentinel = exits.enter_context(SentinelMaster())
            self.environ["REDIS_URL"] = sentinel.url
            self.servers[Dependency.MASTER] = lambda: sentinel.current
            self.sentinel = sentinel
            return
        names = {Dependency.REDIS: "redis"}
        if self.group is Group.SHARDS:
            names = {Dependency.SHARD_1: "shard-1", Dependency.SHARD_2: "shard-2"}
            self.enter_server(exits, Dependency.POSTGRES, PostgresServer())
            self.environ["DATABASE_URL"] = self.postgres.url
        shards = [RedisServer(name) for name in names.values()]
        for dependency, server in zip(names, shards, strict=True):
            self.enter_server(exits, dependency, server)
        self.environ["REDIS_URL"] = ",".join(server.url for server in shards)
        if self.group is Group.SINGLE:
            self.outside = Outside()
            self.enter_server(exits, Dependency.SMTP, self.outside)
            self.servers[Dependency.WEBHOOK] = lambda: self.outside
            self.environ["EMAIL_URL"] = self.outside.mail_url

    def enter_server(self, exits: ExitStack, dependency: Dependency, server: Server) -> None:
        exits.enter_context(server)
        self.servers[dependency] = lambda: server

    @property
    def postgres(self) -> PostgresServer:
        server = self.server(Dependency.POSTGRES)
        assert isinstance(server, PostgresServer)
        return server

    def server(self, dependency: Dependency) -> Server:
        return self.servers[dependency]()

    def enter_product(self, exits: ExitStack) -> None:
        self.product = exits.enter_context(Product(self.log, **self.environ))
        self.tree = Tree(self.product)
        if self.group is Group.SHARDS:
            query = Postgres(self.postgres.connect)
        else:
            query = self.sqlite = SQLite(self.product.folder.name)
        self.truth = Truth(query, SLUG)
        self.has_readyz = ask(self.product.address, "GET", "/readyz")[0] != 404
        self.product.shell(
            "from liveblog.models import BlogUpdate, LiveBlog;"
            f"blog = LiveBlog.objects.create(slug={SLUG!r}, title='Chaos');"
            f"[BlogUpdate.objects.create(blog=blog, body=f'first-{{n}}')"
            f" for n in range({FIRST_ROWS})]"
        )

    def enter_clients(self, exits: ExitStack) -> None:
        proxy = exits.enter_context(Proxy(self.product.port, self.seed))
        names = ("steady", *SHARES, "web")
        self.steady, self.rough, self.slow, self.sleepy, self.web = map(proxy.lane, names)
        self.crowd = exits.enter_context(Crowd())
        self.desk = exits.enter_context(Desk(self.product, SLUG, self.seed))
        rest = self.readers
        for name, share in SHARES.items():
            count = self.readers * share // 100
            rest -= count
            self.open(name, proxy.lanes[name].port, count)
        self.stale_html = self.open("steady", self.steady.port, rest)
        address = f"ws://{self.product.address}/channel/liveblog/{SLUG}/?after=0"
        self.watchers = exits.enter_context(Watchers(address, WATCHERS))
        self.watchers.refill()
        self.pages = None
        if self.group is Group.SINGLE:
            self.pages = exits.enter_context(
                Pages(f"http://127.0.0.1:{self.web.port}/liveblog/{SLUG}/", PAGES)
            )

    def open(self, lane: str, port: int, count: int, html: str | None = None) -> str:
        """Open pages; returns their HTML."""
        path = f"/liveblog/{SLUG}/"
        answer = self.crowd.tell("start", lane=lane, port=port, count=count, path=path, html=html)
        return answer["html"]

    # What is observed

    def different(self) -> list[str]:
        """A sentence for each page that differs from the database."""
        expected = self.truth.page()
        answer = self.crowd.tell("compare", expected=expected)
        found = list(answer["different"])
        if self.pages:
            found += self.pages.differences(expected)
        if overdue := self.truth.overdue():
            found.append(f"{overdue} scheduled updates are due and not published")
        return found

    def pids(self) -> dict[str, int]:
        """The ids of all processes whose memory is measured, by name."""
        found = self.tree.running()
        for name, server in self.servers.items():
            if name is not Dependency.WEBHOOK and (pids := server().pids()):
                found[name] = pids[0]
        return found

    def measure(self) -> dict[str, Usage]:
        """The usage of each process; the interface servers, which share sockets, count as one."""
        found = measure(self.pids())
        interfaces = [found.pop(name) for name in sorted(found) if name.startswith("interface:")]
        if interfaces:
            found["interface"] = Usage(
                sum(each.descriptors for each in interfaces),
                max(each.megabytes for each in interfaces),
            )
        return found

    def check_counts(self) -> None:
        """Check that every page shows the number of readers. Raises AssertionError."""
        extra = WATCHERS + (PAGES if self.pages else 0)
        number = len(self.crowd.tell("states")) + extra

        def right() -> bool:
            return {state["readers"] for state in self.crowd.tell("states")} == {number}

        # Those of a process that a fault has killed count for up to 15 s, and then until a pulse.
        wait_until(right, f"{number} readers on every page", 2 * 15)

    # What faults do

    def lock(self) -> Any:
        """A database transaction that blocks all other writers."""
        return self.sqlite.lock()

    def wait_for_posts_under_way(self) -> None:
        """Wait until no write is acknowledged any more: all writers wait for the lock."""
        began = time.monotonic()

        def is_quiet() -> bool:
            return time.monotonic() - max(began, self.desk.acknowledged_at) > QUIET

        wait_until(is_quiet, "writers that wait for the lock")

    def open_stale_pages(self) -> None:
        self.crowd.tell("stop", lane="stale")
        self.open("stale", self.steady.port, STALE, self.stale_html)

    def sleep(self, asleep: bool) -> None:
        assert self.pages
        if asleep:
            self.crowd.tell("sleep", lane="sleepy")
            self.pages.sleep(True)
            self.sleepy.swallow()
        else:
            self.sleepy.mend()
            self.pages.sleep(False)
            self.crowd.tell("wake", lane="sleepy")

    @contextmanager
    def clients_that_send_garbage(self) -> Iterator[None]:
        """Clients that complete a handshake and then send random bytes, again and again."""
        generator = random.Random(self.random.getrandbits(32))
        request = (
            f"GET /channel/liveblog/{SLUG}/?after=0 HTTP/1.1\r\nHost: {self.product.address}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

        def send(ended: threading.Event) -> None:
            while not ended.wait(0.2):
                with (
                    suppress(OSError),
                    socket.create_connection(("127.0.0.1", self.product.port), 5) as peer,
                ):
                    peer.sendall(request.encode())
                    peer.recv(4096)
                    peer.sendall(b"\x81\xfe" + struct.pack("!H", 300) + generator.randbytes(304))
                    peer.sendall(generator.randbytes(2000))
                    peer.recv(4096)

        with ExitStack() as clients:
            for _ in range(GARBAGE_CLIENTS):
                clients.enter_context(meanwhile(send))
            yield

    @contextmanager
    def repeated(self, action: Callable[[], object], every: float) -> Iterator[None]:
        """Call the action in a thread, at once and then every few seconds."""

        def repeat(ended: threading.Event) -> None:
            action()
            while not ended.wait(every):
                action()

        with meanwhile(repeat):
            yield

    @contextmanager
    def mailing(self) -> Iterator[None]:
        """Send mails at intervals."""
        self.mail()
        with self.repeated(self.mail, MAIL_EVERY):
            yield

    def mail(self) -> None:
        """Lower the balance of an account, which sends a mail to its owner."""
        self.mailed += 1
        self.product.shell(
            "from accounts.models import Account;"
            "from django.contrib.auth.models import User;"
            "user, _ = User.objects.get_or_create(username='poor', email='poor@example.org');"
            "account, _ = Account.objects.get_or_create(user=user);"
            "account.balance = account.low_mark + 1; account.save();"
            "account.balance = account.low_mark - 1; account.save()"
        )

    @contextmanager
    def telling_webhooks(self) -> Iterator[None]:
        """Send every change of the blog to the webhook host."""
        self.product.shell(
            "from liveblog.models import LiveBlog, Webhook;"
            f"blog = LiveBlog.objects.get(slug={SLUG!r});"
            f"hook, _ = Webhook.objects.get_or_create(blog=blog, url={self.outside.hook_url!r});"
            "hook.active = True; hook.save()"
        )
        yield

    def stop_telling_webhooks(self) -> None:
        self.product.shell("from liveblog.models import Webhook; Webhook.objects.all().delete()")

    def wait_for_worker(self, name: str) -> None:
        """Wait until this worker has answered a message, as deploy/release does."""
        [pid] = self.tree.pids_of([name])
        self.product.shell(
            "from channels import DEFAULT_CHANNEL_LAYER, channel_layers;"
            "from ops.probing import identity, wait_for_worker;"
            "layer = channel_layers[DEFAULT_CHANNEL_LAYER];"
            f"assert wait_for_worker(layer, identity({pid}), 2, {PATIENCE}) == ''"
        )
