"""What the pulse reports of itself: that it runs, and when its last round was."""

import threading
from contextlib import suppress
from types import TracebackType

import redis
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.metrics.counters import WORKER_REPORTS, Metrics

REMEMBERED = 86_400_000  # ms; a round that is longer ago is reported as none


def key(layer: Transport) -> str:
    return f"{layer.prefix}:pulse-round"


def note_round(layer: Transport) -> None:
    """Remember that a round has ended, by Redis's clock. Does not raise."""
    with suppress(redis.RedisError, OSError):  # the pulse itself logs that Redis is away
        layer.ring[layer.home(key(layer))].client.set(key(layer), 1, px=REMEMBERED)


def age_of_round(layer: Transport) -> float | None:
    """The seconds since the last round of the active pulse; None if there was none.

    Raises redis.RedisError and OSError where no Redis answers.
    """
    left = [int(found) for found in layer.on_each_shard(lambda client: client.pttl(key(layer)))]
    return (REMEMBERED - max(left)) / 1000 if max(left) >= 0 else None


class Reports:
    """Publishes the process's counters every few seconds, in a thread, while the context lasts."""

    def __init__(self, layer: Transport, metrics: Metrics) -> None:
        self.layer = layer
        self.metrics = metrics
        self.stopping = threading.Event()

    def __enter__(self) -> None:
        self.layer.metrics = self.metrics
        threading.Thread(target=self.publish, name="reports", daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()  # not waited for: Redis may keep the thread

    def publish(self) -> None:
        while True:
            with suppress(redis.RedisError, OSError):
                self.layer.run(self.metrics.publication(self.layer))
            if self.stopping.wait(WORKER_REPORTS):
                return
