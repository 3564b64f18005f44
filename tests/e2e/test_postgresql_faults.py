"""PostgreSQL dies, freezes, is unreachable or full: readers stay, refusals are sentences.

Once it is back, everything works within BACK_WITHIN, every reader equals the database, and what was
acknowledged is there once.
"""

import contextlib
import http.client
import json
import os
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from harness.network import http_request
from harness.process import stopped
from harness.redis_servers import RedisServer
from harness.waiting import wait_until

from database import deadlines
from database.postgresql.base import Connection
from tests.deploy.hosts import BRIDGE, Network
from tests.e2e.stack import Frame, Reader, Stack
from tests.postgresql import PostgresServer, PostgresStandby

TOKEN = "a token of the tests"
BACK_WITHIN = 10  # s after the end of a fault
REFUSED_WITHIN = 15  # s: the deadline for an answer is 9, that for a connection 3
CLIENTS = 8  # that ask at once; there are two workers
CONNECTIONS = 30  # of the server
SECONDS = int(os.environ.get("FAULT_SECONDS", "15"))  # of a long fault; more than any deadline


@contextmanager
def killed(database: PostgresServer, seconds: float) -> Iterator[None]:
    database.kill()
    try:
        yield
        time.sleep(seconds)
    finally:
        database.start()


@contextmanager
def frozen(database: PostgresServer, seconds: float) -> Iterator[None]:
    with stopped(*database.pids()):
        yield
        time.sleep(seconds)


@contextmanager
def full(database: PostgresServer, seconds: float) -> Iterator[None]:
    """Others hold every connection that there may be."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL"
    cut += " AND pid <> ALL(%s)"
    others: list[psycopg.Connection] = []
    try:
        while len(others) < CONNECTIONS:
            with contextlib.suppress(psycopg.OperationalError):
                others.append(psycopg.connect(database.url, autocommit=True))
                continue
            if others:
                others[0].execute(cut, [[other.info.backend_pid for other in others]])
        yield
        time.sleep(seconds)
    finally:
        for other in others:
            other.close()


class Newsroom:
    """Posts one update after the other, each until it is acknowledged, while it is entered."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.stopping = threading.Event()
        self.acknowledged: list[str] = []
        self.answers: list[http.client.HTTPResponse] = []

    def __enter__(self) -> "Newsroom":
        self.pool = ThreadPoolExecutor(3)
        self.writers = [self.pool.submit(self.write, name) for name in "abc"]
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for writer in self.writers:
            writer.result()
        self.pool.shutdown()

    def write(self, name: str) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            key = f"{name}-{number}-{time.time_ns()}"
            while (answer := self.post(key)).status != 201:
                self.answers.append(answer)
                if self.stopping.wait(int(answer.headers.get("Retry-After", 1))):
                    return
            self.acknowledged.append(key)
            self.stopping.wait(0.2)

    def post(self, key: str) -> http.client.HTTPResponse:
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        body = json.dumps({"body": key})
        path = "/api/liveblogs/demo/updates/"
        return http_request(self.stack.port, "POST", path, body, headers)


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with PostgresServer("127.0.0.1", "-c", f"max_connections={CONNECTIONS}") as database:
        yield database


@pytest.fixture(scope="module")
def stack(database: PostgresServer) -> Iterator[Stack]:
    with (
        RedisServer() as redis,
        Stack(DATABASE_URL=database.url, REDIS_URL=redis.url, API_TOKENS=TOKEN) as stack,
    ):
        yield stack


def survive(stack: Stack, fault: AbstractContextManager[None], *, lasts: bool) -> None:
    """Let the fault happen while a newsroom writes, and see that nothing is lost."""
    with stack.reader() as watching:
        watching.frame()
        with Newsroom(stack) as newsroom:
            wait_until(lambda: len(newsroom.acknowledged) > 2, "posts before the fault")
            with fault:
                if lasts:
                    see_refusals(stack)
            ended = time.monotonic()
            before = len(newsroom.acknowledged)
            wait_until(stack.healthy, "a healthy site", BACK_WITHIN)
            wait_until(lambda: len(newsroom.acknowledged) > before + 3, "posts", BACK_WITHIN)
            assert time.monotonic() - ended < BACK_WITHIN
        for answer in newsroom.answers:
            assert answer.status == 503, answer.body
            assert json.loads(answer.body)["code"] == "unavailable"
            assert int(answer.headers["Retry-After"]) > 0
        see_equal(stack, watching, newsroom.acknowledged)


def see_refusals(stack: Stack) -> None:
    """While the database is away: a sentence on pages and sockets, no traceback, no silence."""

    def ask(path: str) -> http.client.HTTPResponse:
        return http_request(stack.port, "GET", path, timeout=REFUSED_WITHIN)

    with ThreadPoolExecutor(CLIENTS) as pool:
        pages = list(pool.map(ask, CLIENTS * ["/liveblog/demo/"]))
    for page in pages:
        assert page.status == 503
        text = page.body.decode()
        assert "temporarily unavailable" in text and "Traceback" not in text
        assert int(page.headers["Retry-After"]) > 0
    with stack.reader(open_timeout=REFUSED_WITHIN) as reader:
        frame = reader.frame()
        assert (frame["type"], frame["code"]) == ("error", "unavailable")
        with contextlib.suppress(Exception):
            reader.frame()
        assert reader.socket.close_code == 1013


def see_equal(stack: Stack, watching: Reader, acknowledged: list[str]) -> None:
    """The reader's socket is open, and what it gets is what the database has."""

    def head_of_blog() -> int | None:
        # One worker may still be about to connect again when another already works.
        with contextlib.suppress(urllib.error.HTTPError):
            return json.load(stack.get("/liveblog/demo/updates.json"))["revision"]
        return None

    head = wait_until(head_of_blog, "the blog's head", BACK_WITHIN)

    def replay() -> Frame | None:
        watching.send({"after": head - 1})
        frame = watching.next(lambda f: f["type"] in ("replay", "error"))
        return frame if frame["type"] == "replay" else None

    assert wait_until(replay, "a replay", BACK_WITHIN)["revision"] == head
    keys = stack.shell(
        "from liveblog.models import BlogUpdate;"
        "print(*BlogUpdate.objects.values_list('body', flat=True))"
    ).split()
    assert len(set(keys)) == len(keys)
    assert set(acknowledged) <= set(keys)


Fault = Callable[[PostgresServer, float], AbstractContextManager[None]]


@pytest.mark.parametrize("fault", [killed, frozen, full], ids=lambda fault: fault.__name__)
def test_row_31_a_postgresql_that_is_away_for_long_is_survived(
    stack: Stack, database: PostgresServer, fault: Fault
) -> None:
    survive(stack, fault(database, SECONDS), lasts=True)


@pytest.mark.parametrize("fault", [killed, frozen], ids=lambda fault: fault.__name__)
def test_row_31_a_postgresql_that_is_away_for_a_second_is_survived(
    stack: Stack, database: PostgresServer, fault: Fault
) -> None:
    survive(stack, fault(database, 1), lasts=False)


@contextmanager
def unreachable(namespace: str, address: str, seconds: float) -> Iterator[None]:
    """Packets to and from the host vanish: nobody refuses or resets anything."""
    link = namespace.replace("liveblog-", "lbv")
    shown = Network.ip("-n", namespace, "-j", "link", "show", "eth0")
    # Without this, a missing answer to ARP ends connections early, with "no route to host".
    neighbour = [address, "lladdr", json.loads(shown)[0]["address"], "dev", BRIDGE]
    Network.ip("neigh", "replace", *neighbour, "nud", "permanent")
    Network.ip("link", "set", link, "nomaster")
    try:
        yield
        time.sleep(seconds)
    finally:
        Network.ip("link", "set", link, "master", BRIDGE)


@pytest.mark.alone
def test_row_31_a_postgresql_whose_packets_vanish_is_survived() -> None:
    with Network() as network:
        if not network.is_real:
            pytest.fail("This test makes network namespaces: it needs root's capabilities.")
        namespace, address = network.host()
        with (
            PostgresServer(address, namespace=namespace) as database,
            RedisServer() as redis,
            Stack(DATABASE_URL=database.url, REDIS_URL=redis.url, API_TOKENS=TOKEN) as stack,
        ):
            survive(stack, unreachable(namespace, address, SECONDS), lasts=True)


def test_a_standby_that_is_promoted_is_found_without_a_restart_and_has_what_was_acknowledged() -> (
    None
):
    @contextmanager
    def failover() -> Iterator[None]:
        primary.kill()
        yield
        standby.promote()

    with PostgresServer() as primary, PostgresStandby(primary, "127.0.0.2") as standby:
        # As in docs/configuration.md.
        places = f"127.0.0.1,127.0.0.2:{primary.port}/postgres?target_session_attrs=read-write"
        url = f"postgres://liveblog@{places}"
        with (
            RedisServer() as redis,
            Stack(DATABASE_URL=url, REDIS_URL=redis.url, API_TOKENS=TOKEN) as stack,
        ):
            survive(stack, failover(), lasts=True)


def test_a_process_that_runs_on_gives_up_a_server_that_is_frozen_for_ever(
    database: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host is well, so that TCP notices nothing: another server may be the primary by now."""
    monkeypatch.setattr(deadlines, "answer_elsewhere", None)
    deadlines.limit_answers(0.2)
    with Connection.connect(database.url) as connection, stopped(*database.pids()):
        with pytest.raises(psycopg.OperationalError, match="has not answered within 0.2 s"):
            connection.execute("SELECT 1")
        assert connection.closed


def test_row_39_a_blog_that_somebody_locks_keeps_only_its_writers_waiting(
    stack: Stack, database: PostgresServer
) -> None:
    newsroom = Newsroom(stack)
    lock = "SELECT * FROM liveblog_liveblog WHERE slug = 'demo' FOR UPDATE"
    with psycopg.connect(database.url) as other, ThreadPoolExecutor(12) as pool:
        other.execute(lock)
        answers = [pool.submit(newsroom.post, f"locked-{number}") for number in range(12)]
        while not all(answer.done() for answer in answers):
            assert stack.get("/liveblog/demo/", timeout=5).status == 200
            with stack.reader(open_timeout=5) as reader:
                assert reader.frame()["type"] == "replay"
        assert {answer.result().status for answer in answers} == {503}
        other.rollback()
    assert newsroom.post("locked-0").status == 201


def test_options_of_the_operator_win(database: PostgresServer) -> None:
    url = database.url + "?connect_timeout=7&options=-c%20tcp_keepalives_idle%3D99"
    stack = Stack(DATABASE_URL=url)
    shown = stack.manage(
        "shell",
        "--no-imports",
        "--command",
        "from django.db import connection\n"
        "with connection.cursor() as cursor:\n"
        "    for name in ('tcp_keepalives_idle', 'tcp_keepalives_interval'):\n"
        "        cursor.execute(f'SHOW {name}')\n"
        "        print(cursor.fetchone()[0])\n"
        "print(connection.get_connection_params()['connect_timeout'])\n",
    ).stdout
    stack.folder.cleanup()
    assert shown.split() == ["99", "2", "7"]
