"""Two hosts with separate addresses share one Redis and one PostgreSQL, behind a balancer."""

import os
from collections import Counter
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from harness.redis_servers import RedisServer
from harness.waiting import wait_until

from tests.chaos.clients.crowd import Crowd as Pages
from tests.chaos.truth import Postgres, Truth
from tests.deploy.crowd import Crowd
from tests.deploy.hosts import Balancer, Network, ReleasedHost
from tests.deploy.newsroom import Newsroom
from tests.postgresql import PostgresServer

READERS = 60  # of each kind

pytestmark = pytest.mark.alone


class Hosts(NamedTuple):
    network: Network
    database: PostgresServer
    balancer: Balancer
    first: ReleasedHost
    second: ReleasedHost

    @property
    def address(self) -> str:
        """Where readers come."""
        return f"{self.balancer.host}:{self.balancer.port}"


@pytest.fixture(scope="module")
def hosts():
    with ExitStack() as stack:
        enter = stack.enter_context
        network = enter(Network())
        database = enter(PostgresServer(network.service))
        bind = f"127.0.0.1 {network.service}"
        redis = enter(RedisServer("--requirepass", "secret", "--bind", bind))
        shared = {
            "DATABASE_URL": database.url,
            "REDIS_URL": f"redis://:secret@{network.service}:{redis.port}/0",
            "CHANNEL_KEYS": "a key that both hosts have",
            "ALLOWED_HOSTS": f"127.0.0.1,{network.service}",
            "WORKERS": "1",
        }
        first, second = (enter(ReleasedHost(network, **shared)) for _ in range(2))
        yield Hosts(network, database, enter(Balancer(network, [first, second])), first, second)


def test_readers_of_both_hosts_get_every_post(hosts):
    first, second = hosts.first, hosts.second
    with first.reader("demo") as here, second.reader("demo") as there:
        here.frame(), there.frame()
        for number in range(4):
            # Any worker of any host may handle the post; readers of both hosts receive it.
            first.post("demo", f"Post {number}")
            for reader in (here, there):
                assert reader.frame()["content"] == f"<p>Post {number}</p>"
        wait_until(lambda: "This process pulses" in first.output(), "the first's pulse")
        assert "This process pulses" not in second.output()
        wait_until(lambda: there.pulse()["readers"] == 2, "a pulse that counts both")


def test_logs_and_limits_have_the_address_of_the_reader_and_not_of_the_balancer(hosts):
    guesser, neighbour, reader = hosts.network.clients
    assert hosts.balancer.request("GET", "/liveblog/demo/", reader) == 200

    def logged() -> set[str]:
        lines = (hosts.first.nginx.log() + hosts.second.nginx.log()).splitlines()
        return {line.split()[0] for line in lines}

    wait_until(lambda: reader in logged(), "the reader's address in a log")
    assert hosts.network.service not in logged()
    # 10 at once on each host, then one in 5 s: 403 of a form without its token, then 429.
    tries = Counter(hosts.balancer.request("POST", "/accounts/login/", guesser) for _ in range(40))
    assert set(tries) == {403, 429} and tries[429] >= 10
    assert hosts.balancer.request("POST", "/accounts/login/", neighbour) == 403


def test_a_rolling_release_over_both_hosts_drops_nobody(hosts):
    with Crowd(hosts.address, number=READERS) as crowd:
        with Newsroom(hosts.second) as newsroom:
            # Each kind once, as a release that is built takes longer than all else here.
            for host, kind, options in (
                (hosts.first, "runworker", []),
                (hosts.second, "channels_realtime.interface", ["--interface"]),
            ):
                old = set(host.pids(kind))
                host.release(*options)
                assert not old & set(host.pids(kind))
        crowd.wait_for(newsroom.head)
        assert crowd.disconnects == 0
    assert all(host.nginx.log().count(" 101 ") >= READERS // 3 for host in hosts[3:])


def test_the_readers_of_a_host_that_dies_come_back_through_the_balancer_and_miss_nothing(hosts):
    first, second = hosts.first, hosts.second
    truth = Truth(Postgres(hosts.database.connect), "demo")

    def differing() -> int:
        return int(pages.tell("compare", expected=truth.page())["count"])

    with Pages() as pages, second.reader("demo") as there:
        there.frame()
        pages.tell(
            "start", lane="pages", port=hosts.balancer.port, path="/liveblog/demo/", count=READERS
        )
        wait_until(lambda: there.pulse()["readers"] == READERS + 1, "a pulse that counts all")
        with Newsroom(second):
            first.die()
            wait_until(lambda: pages.tell("counters")["reconnects"] >= READERS // 3, "reconnects")
        wait_until(lambda: not differing(), "every page as the database")
        counters = pages.tell("counters")
        assert (counters["stale"], counters["backwards"]) == (0, 0)
        wait_until(lambda: "This process pulses" in second.output(), "the pulse's move")
        wait_until(lambda: there.pulse()["readers"] == 1 + READERS, "a pulse without the dead")
        assert second.healthy()
        assert hosts.balancer.request("GET", "/readyz", hosts.network.clients[2]) == 200


def test_without_iproute2_the_failure_says_what_to_install(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match="apt-get install iproute2"), Network():
        pass
