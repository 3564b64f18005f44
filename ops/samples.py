"""Samples of all processes, which /ops/ draws."""

import time
from typing import Literal, TypedDict

from channels_realtime.metrics.counters import processes, queues

from conversations.redis_store import layer as channel_layer

GROUP = "ops"
SHOWN_LETTERS = 20  # dead letters that the page lists
INTERVAL = 1.0  # s between two samples, however many pages ask


class Process(TypedDict):
    """`deliveries` and `drops` since its start; `published`: when, in s since 1970."""

    sockets: int
    deliveries: int
    drops: int
    published: int


class Queue(TypedDict):
    """`waiting` messages; `age` of the oldest in s."""

    waiting: int
    age: float


class DeadLetter(TypedDict):
    time: float
    channel: str
    reason: str


class DeadLetters(TypedDict):
    number: int
    newest: list[DeadLetter]


class Sample(TypedDict):
    """`time` in s since 1970 by the server's clock; `processes` by name, `queues` by channel."""

    type: Literal["sample"]
    time: float
    processes: dict[str, Process]
    queues: dict[str, Queue]
    dead_letters: DeadLetters


def fresh_sample() -> Sample | None:
    """A sample, or None if any worker has taken one within INTERVAL."""
    layer = channel_layer()
    key = f"{layer.prefix}:ops-sample"
    if layer.ring[layer.home(key)].client.set(key, 1, nx=True, px=int(1000 * INTERVAL)):
        return sample()
    return None


def sample() -> Sample:
    layer = channel_layer()
    return {
        "type": "sample",
        "time": time.time(),
        "processes": {
            name: {
                "sockets": snapshot["values"].get("sockets", 0),
                "deliveries": snapshot["values"].get("frames_sent", 0),
                "drops": sum(snapshot["drops"].values()),
                "published": snapshot["published"],
            }
            for name, snapshot in processes(layer).items()
        },
        "queues": {
            name: {
                "waiting": statistics["messages_pending"],
                "age": max(0.0, statistics["messages_max_age"]),
            }
            for name, statistics in queues(layer, layer.router.channels).items()
        },
        "dead_letters": {
            "number": layer.acknowledgements.count_dead_letters(),
            "newest": [
                {"time": letter.time, "channel": letter.channel, "reason": letter.reason}
                for letter in layer.acknowledgements.dead_letters(SHOWN_LETTERS)
            ],
        },
    }
