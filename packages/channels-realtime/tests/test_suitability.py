"""A Redis that cannot serve the layer is refused at the start, with one sentence."""

from collections.abc import Sequence
from contextlib import contextmanager

import django
import pytest
import redis
from channels import channel_layers
from channels.asgi import ChannelLayerWrapper
from channels_realtime import checks
from channels_realtime.layer import RedisChannelLayer
from channels_realtime.layer.suitability import examine, fault_of_server
from channels_realtime.metrics import readiness
from harness.environment import redis_server
from harness.redis_servers import RedisCluster, RedisServer
from harness.stack import Stack

django.setup()

CLUSTER = "is a Redis Cluster, and the layer's scripts use keys of several slots. Use a Redis"


@pytest.fixture(scope="module")
def server():
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def cluster():
    with RedisCluster() as cluster:
        cluster.client().execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        yield cluster


@contextmanager
def permitted(server: RedisServer, *rules: str):
    """A client whose user may do what the ACL rules say."""
    server.client().execute_command("ACL SETUSER", "liveblog", "reset", "on", ">secret", *rules)
    with redis.Redis(port=server.port, username="liveblog", password="secret") as client:
        yield client


def sentence_for(server: RedisServer, *rules: str) -> str:
    with permitted(server, *rules) as client:
        fault = examine(client).fault
    assert fault is not None and not fault.passes
    return fault.sentence


def test_a_redis_of_our_own_is_suitable_and_nothing_stays_in_it(server):
    client = server.client()
    assert examine(client) == (None, None)
    assert client.keys() == []


def test_a_cluster_is_not(cluster):
    fault = examine(cluster.client()).fault
    assert fault is not None and fault.sentence.startswith(CLUSTER)
    # As of a proxy, which does not say what is behind it.
    assert sentence_for(cluster, "~*", "&*", "+@all", "-info").startswith(CLUSTER)


# docs/configuration.md has these rules.
ENOUGH = ("~asgi*", "&*", "+@all", "-@dangerous")


def test_a_user_with_the_documented_rights_is_enough(server):
    with permitted(server, *ENOUGH) as client:
        assert examine(client).fault is None


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (("~*", "+@all", "-eval", "-evalsha"), "refuses EVAL, which the layer needs: "),
        (("~*", "+@all", "-blpop"), "refuses BLPOP, which the layer needs: "),
        (("~*", "+@all", "-script"), "refuses SCRIPT LOAD, which the layer needs: "),
        (("~*", "+@all", "-rpush"), "refuses EVAL, which the layer needs: "),
        (("~others:*", "+@all"), "refuses EVAL, which the layer needs: "),
    ],
)
def test_a_user_with_fewer_rights_is_not(server, rules: Sequence[str], sentence: str):
    assert sentence_for(server, *rules).startswith(sentence)


def test_a_database_that_a_service_does_not_have_is_named(server):
    fault = examine(redis.Redis(port=server.port, db=99)).fault
    assert fault is not None
    assert fault.sentence == "refuses the connection: DB index is out of range."


def test_a_version_without_a_command_that_is_used_is_not():
    fault = fault_of_server({"redis_version": "6.0.16"})
    assert fault == ("is version 6.0.16. Redis 6.2 or later is needed.", False)
    assert fault_of_server({"redis_version": "6.2.0"}) is None


def test_a_replica_may_serve_after_a_failover(server):
    with RedisServer("--replicaof", f"127.0.0.1 {server.port}") as replica:
        fault = examine(replica.client()).fault
    assert fault == ("is a read-only replica; name its master, or the Sentinels.", True)


def test_a_redis_that_is_full_may_serve_later(server):
    client = server.client()
    client.config_set("maxmemory", 1)
    try:
        fault = examine(client).fault
    finally:
        client.config_set("maxmemory", 0)
    assert fault is not None and fault.passes
    assert fault.sentence.startswith("refuses EVAL, which the layer needs: command not allowed")


@pytest.mark.parametrize(
    ("policy", "limit", "expected"),
    [("allkeys-lru", "64mb", True), ("volatile-lru", "64mb", True)]
    + [("noeviction", "64mb", False), ("allkeys-lru", "0", False)],
)
def test_a_redis_that_removes_messages_when_full_is_warned_about(server, policy, limit, expected):
    client = server.client()
    client.config_set("maxmemory", limit)
    client.config_set("maxmemory-policy", policy)
    try:
        fault, warning = examine(client)
    finally:
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")
    assert fault is None
    assert (f"(maxmemory-policy {policy})" in (warning or "")) is expected


def test_processes_end_with_the_sentence_and_are_not_started_again(cluster):
    with Stack(url=cluster.url) as stack:
        processes = [stack.start_interface(), stack.start("manage.py", "runworker")]
        for process in processes:
            assert process.wait() == 2, process.output()
            last = process.output().strip().splitlines()[-1]
            assert f"Redis at 127.0.0.1:{cluster.port} {CLUSTER}" in last
            assert "Traceback" not in process.output()


def test_the_check_and_readiness_say_it_too(cluster, monkeypatch):
    layer = RedisChannelLayer(hosts=[cluster.url])
    wrapper = ChannelLayerWrapper(layer, "default", [])
    [problem] = readiness.check_redis(wrapper).problems
    assert problem.startswith(f"Redis 1 of 1 {CLUSTER}")
    monkeypatch.setitem(channel_layers.backends, "default", wrapper)
    [error] = checks.redis_is_suitable()
    assert error.id == "channels_realtime.E007"
    assert error.msg.startswith(f"Redis at 127.0.0.1:{cluster.port} {CLUSTER}")


def test_the_check_says_nothing_of_a_redis_that_is_suitable_or_away(monkeypatch):
    for url in (redis_server.url, "redis://127.0.0.1:1/0"):
        wrapper = ChannelLayerWrapper(RedisChannelLayer(hosts=[url]), "default", [])
        monkeypatch.setitem(channel_layers.backends, "default", wrapper)
        assert list(checks.redis_is_suitable()) == []
