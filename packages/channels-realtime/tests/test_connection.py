"""What a connection to Redis does where its own process was stopped meanwhile."""

import select

import redis
from channels_realtime.internals import take_socket
from channels_realtime.layer import RedisChannelLayer
from channels_realtime.layer.connection import Connection
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
