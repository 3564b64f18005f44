"""Two hosts with separate addresses share one Redis and one PostgreSQL."""

import os

import pytest
from harness.redis_servers import RedisServer
from harness.waiting import wait_until

from tests.deploy.hosts import Host, Network
from tests.postgresql import PostgresServer

pytestmark = pytest.mark.alone


def test_readers_of_both_hosts_get_every_post_and_one_host_continues_alone():
    with (
        Network() as network,
        PostgresServer(network.service) as database,
        RedisServer("--requirepass", "secret", "--bind", f"127.0.0.1 {network.service}") as redis,
    ):
        shared = {
            "DATABASE_URL": database.url,
            "REDIS_URL": f"redis://:secret@{network.service}:{redis.port}/0",
            "CHANNEL_KEYS": "a key that both hosts have",
            "WORKERS": "1",
        }
        with (
            Host(network, **shared) as first,
            Host(network, **shared) as second,
            second.reader("demo") as there,
        ):
            with first.reader("demo") as here:
                here.frame(), there.frame()
                for number in range(4):
                    # Any worker of any host may handle the post; readers of both hosts receive it.
                    post(first, f"Post {number}")
                    for reader in (here, there):
                        assert reader.frame()["content"] == f"<p>Post {number}</p>"
                wait_until(lambda: "This process pulses" in first.output(), "the first's pulse")
                assert "This process pulses" not in second.output()
                wait_until(lambda: there.pulse()["readers"] == 2, "a pulse that counts both")
                first.die()
            post(second, "Still here")
            assert there.frame()["content"] == "<p>Still here</p>"
            wait_until(lambda: "This process pulses" in second.output(), "the pulse's move")
            wait_until(lambda: there.pulse()["readers"] == 1, "a pulse without the dead")
            assert second.healthy()


def post(host, text):
    """Post from one of the hosts, which share the database and Redis."""
    host.post("demo", text)


def test_without_iproute2_the_failure_says_what_to_install(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match="apt-get install iproute2"), Network():
        pass
