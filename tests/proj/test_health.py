"""/healthz names each part, and the one that fails."""

import json

import pytest
import redis
from django.db import OperationalError

from proj import health

pytestmark = pytest.mark.django_db


@pytest.fixture
def interface(monkeypatch):
    """An interface server that lives, as far as Redis knows."""
    layer = health.channel_layers[health.DEFAULT_CHANNEL_LAYER]
    connection = layer.connection(0)
    connection.zadd(layer.processes_key, {"realtime.test!": connection.time()[0]})
    yield
    connection.zrem(layer.processes_key, "realtime.test!")


def ask(client):
    answer = client.get("/healthz")
    return answer.status_code, json.loads(answer.content)


def test_all_is_well(client, interface):
    assert ask(client) == (
        200,
        dict.fromkeys(("database", "redis", "worker", "interface"), "ok") | {"status": "ok"},
    )


def test_no_interface_server_lives(client):
    status, parts = ask(client)
    assert status == 503 and parts["status"] == "failing"
    assert parts["interface"] == "no interface server has said for 12 s that it lives"
    assert parts["database"] == parts["redis"] == "ok"


def test_the_database_is_away(client, interface, monkeypatch):
    def away():
        raise OperationalError("connection to 10.0.0.7 as user liveblog failed")

    monkeypatch.setattr(health.connection, "cursor", away)
    status, parts = ask(client)
    assert status == 503 and parts["database"] == "the database does not answer"
    assert parts["redis"] == "ok"  # and nobody learns who is asked where


def test_one_redis_of_several_is_away(client, interface, monkeypatch):
    layer = health.channel_layers[health.DEFAULT_CHANNEL_LAYER]

    class Away:
        def ping(self):
            raise redis.ConnectionError("Connection refused")

    there = layer.connection
    monkeypatch.setattr(layer.channel_layer, "ring_size", 2)
    monkeypatch.setattr(
        layer.channel_layer, "connection", lambda index: Away() if index else there(index)
    )
    status, parts = ask(client)
    assert status == 503 and parts["redis"] == "Redis 2 of 2 does not answer"
