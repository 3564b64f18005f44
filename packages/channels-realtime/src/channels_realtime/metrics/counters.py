"""Counters of every process, collected through Redis.

Each process writes its own into one field of a hash: workers every PUBLISH seconds, interface
servers with every second heartbeat. Readers read the hash, and the layer's statistics for the
lengths of the queues.
"""

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import redis

from channels_realtime.layer.commands import Command
from channels_realtime.layer.shard import to_text
from channels_realtime.metrics.latency import Histogram, LatencyReport
from channels_realtime.metrics.process import process_values

if TYPE_CHECKING:
    from channels_realtime.layer.channel_layer import ChannelStatistics, Transport

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


class AtHandReport(TypedDict):
    """AtHand as JSON."""

    channel: str
    seconds: float
    limit: float
    thread: int
    is_acknowledged: bool


class Report(TypedDict):
    """What a process has published of itself.

    `times`: channel -> [number, seconds]. `latencies`: stage -> its histogram. `ended`: it has said
    that it ends. `published` and `age`: whole seconds by Redis's clock. `name`: as supervisord
    calls it. `at_hand`: what a worker's threads handle.
    """

    values: dict[str, int]
    drops: dict[str, int]
    times: dict[str, list[float]]
    latencies: NotRequired[dict[str, LatencyReport]]  # absent from a process of an older release
    ended: bool
    published: int
    age: int
    name: NotRequired[str]
    at_hand: NotRequired[list[AtHandReport]]


class MetricsState(TypedDict):
    """The counts of a process. `process`: the name under which they were published."""

    process: str
    values: dict[str, int]
    drops: dict[str, int]
    latencies: dict[str, LatencyReport]


class Metrics:
    """Counts since the process started, kept by the thread that does the work.

    `values`: name -> number, `drops`: reason -> number, `times`: channel -> [number, seconds],
    `latencies`: stage -> durations.
    """

    def __init__(self, kind: str) -> None:
        self.process = f"{kind}@{socket.gethostname()}:{os.getpid()}"
        self.values: Counter[str] = Counter()
        self.drops: Counter[str] = Counter()
        self.times: dict[str, list[float]] = {}
        self.latencies: dict[str, Histogram] = {}
        self.published = time.monotonic()
        self.at_hand: Callable[[], list[AtHand]] | None = None  # set by a worker that runs
        self.ended = False

    def count(self, name: str, number: int = 1) -> None:
        self.values[name] += number

    def drop(self, reason: str, number: int = 1) -> None:
        """Something was lost; the caller logs it where it is not a client's own doing."""
        self.drops[reason] += number

    def time(self, channel: str, seconds: float) -> None:
        """A message of the channel has been handled."""
        total = self.times.get(channel)
        if total is None:
            total = self.times[channel] = [0, 0.0]
        total[0] += 1
        total[1] += seconds

    def observe(self, stage: str, seconds: float, number: int = 1) -> None:
        """A stage of `number` messages has taken so long; see latency.STAGES."""
        histogram = self.latencies.get(stage)
        if histogram is None:
            histogram = self.latencies[stage] = Histogram()
        histogram.observe(seconds, number)

    def export(self) -> MetricsState:
        """The counts, for another process that goes on with them."""
        return {
            "process": self.process,
            "values": dict(self.values),
            "drops": dict(self.drops),
            "latencies": {stage: each.report() for stage, each in self.latencies.items()},
        }

    def restore(self, state: MetricsState) -> None:
        """Go on with the counts of another process; the own ones so far are added."""
        self.values.update(state["values"])
        self.drops.update(state["drops"])
        for stage, report in state["latencies"].items():
            self.latencies.setdefault(stage, Histogram()).add(report)

    def is_due(self) -> bool:
        """Whether nothing has been published for PUBLISH seconds."""
        return time.monotonic() - self.published >= PUBLISH

    def snapshot(self, **gauges: float) -> str:
        """All of it, and these gauges, as what a process publishes of itself."""
        values = {**self.values, **process_values(), **gauges}
        snapshot: dict[str, Any] = {"values": values, "drops": self.drops, "times": self.times}
        snapshot["latencies"] = {name: one.report() for name, one in self.latencies.items()}
        snapshot["ended"] = self.ended
        if name := os.environ.get("SUPERVISOR_PROCESS_NAME"):
            snapshot["name"] = name
        if self.at_hand is not None:
            snapshot["at_hand"] = [asdict(message) for message in self.at_hand()]
        return json.dumps(snapshot)

    def farewell(self, layer: "Transport") -> Command[None]:
        """The command that publishes the counters for the last time: the process ends."""
        self.ended = True
        return self.publication(layer)

    def publication(self, layer: "Transport") -> Command[None]:
        """The command that publishes the counters."""
        self.published = time.monotonic()
        shard = layer.home(self.process)
        return layer.scripts.metrics(shard, self.process, self.snapshot())


def metrics_key(layer: "Transport") -> str:
    return layer.scripts.metrics_key


def processes(layer: "Transport") -> dict[str, Report]:
    """What every living process published last, over all shards that answer.

    Raises redis.RedisError where no shard answers.
    """
    found: dict[str, Report] = {}

    def read(client: redis.Redis) -> None:
        now = client.time()[0]
        for field, value in client.hgetall(metrics_key(layer)).items():
            name = to_text(field)
            seconds, _, snapshot = to_text(value).partition(" ")
            published = int(seconds)
            if now - published > FORGET:
                client.hdel(metrics_key(layer), name)
            elif name not in found or found[name]["published"] < published:
                about = {"published": published, "age": max(0, now - published)}
                found[name] = json.loads(snapshot) | about

    layer.on_each_shard(read)
    return found


def queues(layer: "Transport", channels: Iterable[str]) -> dict[str, "ChannelStatistics"]:
    """The statistics of each channel, ages with their fractions."""
    # runworker adds the route of Django's views itself.
    names = sorted({"http.request", *channels})
    return {name: layer.measure_channel(name) for name in names}


@dataclass(frozen=True)
class Hung:
    """How many workers the watchdog has ended, and how many messages were lost with them."""

    workers: int = 0
    messages: int = 0


def hung_key(layer: "Transport") -> str:
    return f"{layer.prefix}:hung"


def count_hung(layer: "Transport", channel: str, workers: int, lost: Mapping[str, int]) -> None:
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


def hung_workers(layer: "Transport") -> dict[str, Hung]:
    """channel -> what count_hung() has counted since Redis began, on the shards that answer."""
    found: dict[str, Counter[str]] = {}

    def read(client: redis.Redis) -> None:
        for field, number in client.hgetall(hung_key(layer)).items():
            kind, _, channel = to_text(field).partition(" ")
            found.setdefault(channel, Counter())[kind] += int(number)

    layer.on_each_shard(read)
    return {channel: Hung(**counts) for channel, counts in found.items()}
