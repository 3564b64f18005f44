"""With several shards, no message waits behind a consumer while another worker is idle."""

import threading
from collections.abc import Iterator

import pytest
from channels.asgi import ChannelLayerWrapper
from channels.message import Message
from channels.routing import route
from channels_realtime import RedisChannelLayer
from channels_realtime.worker.worker import Worker
from harness.redis_servers import RedisServer
from harness.waiting import PATIENCE, wait_until


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    with RedisServer() as first, RedisServer() as second:
        yield [first.url, second.url]


def test_a_message_behind_a_slow_consumer_goes_to_an_idle_worker(hosts: list[str]) -> None:
    finish = threading.Event()
    begun: list[tuple[int, str]] = []

    def consume(message: Message) -> None:
        begun.append((message["number"], threading.current_thread().name))
        assert finish.wait(PATIENCE)

    workers: list[Worker] = []

    def start(name: str) -> None:
        layer = RedisChannelLayer(hosts=hosts, prefix="relief")
        wrapper = ChannelLayerWrapper(layer, "default", [route("test.slow", consume)])
        worker = Worker(wrapper, signal_handlers=False, only_channels=["test.slow"])
        workers.append(worker)
        threading.Thread(target=worker.run, name=name, daemon=True).start()

    sender = RedisChannelLayer(hosts=hosts, prefix="relief")
    try:
        start("slow")
        sender.send("test.slow", {"number": 1})
        wait_until(lambda: begun, "the first message")
        sender.send("test.slow", {"number": 2})  # on the other shard, where the worker waits too
        lists = [shard.client for shard in sender.ring]
        wait_until(lambda: not any(client.llen("relieftest.slow") for client in lists), "its wait")
        start("idle")
        wait_until(lambda: len(begun) == 2, "the message behind it")
        assert begun[0][0] == 1 and begun[1] == (2, "idle")
    finally:
        finish.set()
        for worker in workers:
            worker.stop()
        wait_until(lambda: all(worker.done() for worker in workers), "the end of the workers")
