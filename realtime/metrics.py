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

import redis

from realtime.commands import Command

PUBLISH = 10  # s between two writes of a worker
FORGET = 60  # s without a write: the process has ended


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
        """Whether to publish now; true once every PUBLISH seconds."""
        now = time.monotonic()
        if now - self.published < PUBLISH:
            return False
        self.published = now
        return True

    def snapshot(self, **gauges) -> str:
        """All of it, and these gauges, as what a process publishes of itself."""
        values = {**self.values, **gauges}
        return json.dumps({"values": values, "drops": self.drops, "times": self.times})

    def publication(self, layer) -> Command:
        """The command that publishes the counters."""
        arguments = (self.process, self.snapshot())
        return Command(layer.home(self.process), "metrics", (metrics_key(layer),), arguments)


def metrics_key(layer):
    return f"{layer.prefix}:metrics"


def processes(layer) -> dict:
    """What every living process published last, over all shards that answer.

    name -> {values, drops, times, published}; `published` in whole s by Redis's clock.
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
                found[name.decode()] = json.loads(snapshot) | {"published": int(seconds)}

    layer.on_each_shard(read)
    return found


def queues(layer, channels) -> dict:
    """channel -> asgi-redis's statistics: count, pending, age of the oldest in s, times full."""
    # runworker adds the route of Django's views itself.
    names = sorted({"http.request", *channels})
    return {name: layer.channel_statistics(name) for name in names}
