"""What Redis has sent to a connection is not lost with a deadline."""

import os
import select
import time

import redis
from channels_realtime.layer import RedisChannelLayer
from channels_realtime.layer.connection import Connection
from channels_realtime.layer.waiting import Waiting
from channels_realtime.layer.wire import take_socket
from harness.environment import redis_server
from harness.waiting import wait_until


def test_a_message_that_came_while_the_process_was_stopped_is_taken_after_the_deadline(monkeypatch):
    layer = RedisChannelLayer(hosts=[redis_server.url], prefix="stopped")
    connection = Connection(layer.ring[0])
    connection.begin_pop(["stopped:list"], 3)
    wire = connection.wire
    with redis.Redis(port=redis_server.port) as client:
        client.rpush("stopped:list", "entry")
    wait_until(lambda: select.select([take_socket(wire)], [], [], 0)[0], "the entry")
    read, deadlines = wire._parser.read_response, [TimeoutError("timed out")]

    def read_response(*args, **options):
        if deadlines:
            raise deadlines.pop()
        return read(*args, **options)

    monkeypatch.setattr(wire._parser, "read_response", read_response)
    popped = connection.end_pop()
    assert not deadlines and popped is not None and popped.entry == b"entry"


def test_a_wait_that_began_before_its_shard_went_away_still_brings_its_message():
    layer = RedisChannelLayer(hosts=[redis_server.url], prefix="waiting")
    shard = layer.ring[0]
    waiting = Waiting([Connection(shard)], ["waiting:list"])
    assert waiting.begin(waiting.connections[0], 3)
    shard.went_away(redis.TimeoutError("another connection had no answer"))
    with redis.Redis(port=redis_server.port) as client:
        client.rpush("waiting:list", "entry")
    popped = waiting.pop(1)
    assert popped is not None and popped.entry == b"entry"


def test_what_a_wait_brought_is_taken_after_a_consumer_that_was_slow():
    layer = RedisChannelLayer(hosts=[redis_server.url], prefix="slow")
    [connection] = connections = [Connection(layer.ring[0])]
    waiting = Waiting(connections, ["slow:list"])
    assert waiting.begin(connection, 3)
    with redis.Redis(port=redis_server.port) as client:
        client.rpush("slow:list", "entry")
    wait_until(lambda: select.select([take_socket(connection.wire)], [], [], 0)[0], "the entry")
    waiting.due[connection] = time.monotonic() - 1  # the consumer took longer than the deadline
    popped = waiting.pop(1)
    assert popped is not None and popped.entry == b"entry"


def test_redis_drops_a_connection_that_was_lost_on_this_side_only():
    layer = RedisChannelLayer(hosts=[redis_server.url], prefix="replaced")
    connection = Connection(layer.ring[0])
    connection.begin_pop(["replaced:list"], 3)
    lost = connection.client_id
    kept = os.dup(take_socket(connection.wire).fileno())  # Redis sees no end, as in a cut network
    try:
        connection.close()
        connection.open()
        with redis.Redis(port=redis_server.port) as client:
            clients = {int(each["id"]) for each in client.client_list()}
        assert connection.client_id in clients and lost not in clients
    finally:
        os.close(kept)
