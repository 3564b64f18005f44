"""What a worker does every few seconds, whether its consumers are busy or idle.

It publishes its counters and what it has at hand, and checks how much memory it takes.
"""

import threading
from contextlib import suppress
from types import TracebackType

import redis

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.metrics.counters import WORKER_REPORTS, Metrics
from channels_realtime.worker.recycling import Recycling


class Vitals:
    """Does so at once and then every few seconds, in a thread, while the context lasts."""

    def __init__(self, layer: Transport, metrics: Metrics, recycling: Recycling) -> None:
        self.layer = layer
        self.metrics = metrics
        self.recycling = recycling
        self.stopping = threading.Event()

    def __enter__(self) -> None:
        threading.Thread(target=self.publish, name="vitals", daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()  # not waited for: Redis may keep the thread
        self.run(self.metrics.farewell(self.layer))

    def publish(self) -> None:
        while True:
            self.run(self.metrics.publication(self.layer))
            self.recycling.check_memory()
            if self.stopping.wait(WORKER_REPORTS):
                return

    def run(self, command: Command[None]) -> None:
        with suppress(redis.RedisError, OSError):  # the worker itself logs that Redis is away
            self.layer.run(command)
