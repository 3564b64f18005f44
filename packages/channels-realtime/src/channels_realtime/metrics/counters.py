"""Counters of every process, collected through Redis.

Each process writes its own into one field of a hash: workers every PUBLISH seconds, interface
servers with every second heartbeat. Whoever wants to see them reads the hash and asks the layer
how long its queues are.
"""

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import redis

from channels_realtime.layer.commands import Command

PUBLISH = 10  # s between two writes of a worker
WORKER_REPORTS = 5.0  # s; readiness misses a worker after three of these
FORGET = 60  # s without a write: the process has ended


@dataclass(frozen=True)
class AtHand:
    """A message that is being handled, for `seconds` so far, by the thread with this ident."""

    channel: str
    seconds: float
    limit: float  # s; 0: none
    thread: int
    is_acknowledged: bool


class Metrics:
    """Counts since the process started, kept by the thread that does the work.

    `values`: name -> number, `drops`: reason -> number, `times`: channel -> [number, seconds].
    """

    def __init__(self, kind):
        self.process = f"{kind}@{socket.gethostname()}:{os.getpid()}"
        self.values = Counter()
        self.drops = Counter()
        self.times = {}
        self.published = time.monotonic()
        self.at_hand: Callable[[], list[AtHand]] | None = None  # set by a worker that runs
        self.ended = False

    def count(self, name, number=1):
        self.values[name] += number

    def drop(self, reason, number=1):
        """Something was lost; the caller logs it where it is not a client's own doing."""
        self.drops[reason] += number

    def time(self, channel, seconds):
        total = self.times.setdefault(channel, [0, 0.0])
        total[0] += 1
        total[1] += seconds

    def is_due(self) -> bool:
        """Whether nothing has been published for PUBLISH seconds."""
        return time.monotonic() - self.published >= PUBLISH

    def snapshot(self, **gauges) -> str:
        """All of it, and these gauges, as what a process publishes of itself."""
        values = {**self.values, **gauges}
        snapshot = {"values": values, "drops": self.drops, "times": self.times}
        snapshot["ended"] = self.ended
        if name := os.environ.get("SUPERVISOR_PROCESS_NAME"):
            snapshot["name"] = name
        if self.at_hand is not None:
            snapshot["at_hand"] = [asdict(message) for message in self.at_hand()]
        return json.dumps(snapshot)

    def farewell(self, layer) -> Command:
        """The command that publishes the counters for the last time: the process ends."""
        self.ended = True
        return self.publication(layer)

    def publication(self, layer) -> Command:
        """The command that publishes the counters."""
        self.published = time.monotonic()
        arguments = (self.process, self.snapshot())
        return Command(layer.home(self.process), "metrics", (metrics_key(layer),), arguments)


def metrics_key(layer):
    return f"{layer.prefix}:metrics"


def processes(layer) -> dict:
    """What every living process published last, over all shards that answer.

    name -> {values, drops, times, ended, published, age, and sometimes name, at_hand}; `ended`
    where it said that it ends, `published` and `age` in whole seconds by Redis's clock, `name` as
    supervisord calls it, `at_hand` what a worker's threads handle (AtHand).
    Raises redis.RedisError where no shard answers.
    """
    found: dict[str, dict] = {}

    def read(client: redis.Redis) -> None:
        now = client.time()[0]
        for name, text in client.hgetall(metrics_key(layer)).items():
            seconds, _, snapshot = text.decode().partition(" ")
            if now - int(seconds) > FORGET:
                client.hdel(metrics_key(layer), name)
            elif found.get(name.decode(), {"published": 0})["published"] < int(seconds):
                about = {"published": int(seconds), "age": max(0, now - int(seconds))}
                found[name.decode()] = json.loads(snapshot) | about

    layer.on_each_shard(read)
    return found


def queues(layer, channels) -> dict:
    """channel -> asgi-redis's statistics: count, pending, age of the oldest in s, times full."""
    # runworker adds the route of Django's views itself.
    names = sorted({"http.request", *channels})
    return {name: layer.channel_statistics(name) for name in names}


@dataclass(frozen=True)
class Hung:
    """How many workers the watchdog has ended, and how many messages were lost with them."""

    workers: int = 0
    messages: int = 0


def hung_key(layer) -> str:
    return f"{layer.prefix}:hung"


def count_hung(layer, channel: str, workers: int, lost: Mapping[str, int]) -> None:
    """Count workers that hung at a message of the channel ("": at none), and what they had at hand.

    The counters of the workers themselves are forgotten with their processes. Raises
    redis.RedisError and OSError.
    """
    with layer.ring[layer.home(hung_key(layer))].client.pipeline() as pipeline:
        if workers:
            pipeline.hincrby(hung_key(layer), f"workers {channel}", workers)
        for name, number in lost.items():
            pipeline.hincrby(hung_key(layer), f"messages {name}", number)
        pipeline.execute()


def hung_workers(layer) -> dict[str, Hung]:
    """channel -> what count_hung() has counted since Redis began, on the shards that answer."""
    found: dict[str, Counter[str]] = {}

    def read(client: redis.Redis) -> None:
        for field, number in client.hgetall(hung_key(layer)).items():
            kind, _, channel = field.decode().partition(" ")
            found.setdefault(channel, Counter())[kind] += int(number)

    layer.on_each_shard(read)
    return {channel: Hung(**counts) for channel, counts in found.items()}
