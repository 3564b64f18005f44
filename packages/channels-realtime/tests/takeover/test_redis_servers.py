"""A takeover with several Redis servers, or with one that Sentinel names."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from channels_realtime.layer import RedisChannelLayer
from harness.redis_servers import RedisSentinel, RedisServer
from harness.stack import Stack

from takeover.serving import Serving


@contextmanager
def two_shards() -> Iterator[Stack]:
    with (
        RedisServer() as first,
        RedisServer() as second,
        Stack(url=f"{first.url},{second.url}") as stack,
    ):
        stack.layer = RedisChannelLayer(hosts=[first.url, second.url])
        stack.redis = first.client()
        yield stack


@contextmanager
def a_sentinel() -> Iterator[Stack]:
    with (
        RedisServer() as master,
        RedisSentinel(master, "one") as sentinel,
        Stack(url=f"sentinel:{sentinel.port}/{sentinel.service}") as stack,
    ):
        stack.layer = RedisChannelLayer(hosts=[master.url])
        stack.redis = master.client()
        yield stack


@pytest.mark.parametrize("servers", [two_shards, a_sentinel])
def test_a_takeover_keeps_every_socket_and_every_group(servers) -> None:
    with servers() as stack:
        stack.worker()
        serving = Serving(stack)
        # Enough for both shards to have groups.
        names = [f"group{number}" for number in range(16)]
        assert stack.layer.ring_size == 1 or {*map(stack.layer.consistent_hash, names)} == {0, 1}
        sockets = {name: serving.interface.websocket(f"/group/{name}/") for name in names}
        for name, socket in sockets.items():
            assert socket.ask("before") == "before", name
        for turn in ("first", "second"):
            serving.replace()
            for name, socket in sockets.items():
                stack.layer.send_group(name, {"text": f"{turn} {name}"})
                assert socket.recv() == f"{turn} {name}"
                assert socket.ask(turn) == turn
        for socket in sockets.values():
            socket.drop()
        serving.interface.stop()
