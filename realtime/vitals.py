"""Publishes the counters of a worker and what it has at hand, also while its consumers are busy."""

import logging
import threading
from types import TracebackType

import redis

from realtime.metrics import Metrics

logger = logging.getLogger("django.channels")

EVERY = 5.0  # s; realtime.readiness misses a worker after three of these


class Vitals:
    """Publishes at once and then every few seconds, in a thread, while the context lasts."""

    def __init__(self, layer, metrics: Metrics) -> None:
        self.layer = layer
        self.metrics = metrics
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

    def publish(self) -> None:
        while True:
            try:
                self.layer.run_many([self.metrics.publication(self.layer)])
            except (redis.RedisError, OSError):
                pass  # the worker itself is about to say so
            if self.stopping.wait(EVERY):
                return
