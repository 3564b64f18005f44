"""The counters in Prometheus' text format."""

from collections.abc import Iterator, Mapping, Sequence

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from channels_realtime.layer.channel_layer import ChannelStatistics
from channels_realtime.layer.requirement import require_transport
from channels_realtime.metrics.counters import Hung, Report, hung_workers, processes, queues
from channels_realtime.metrics.latency import buckets

GAUGES = {
    "sockets": "Open WebSockets",
    "groups": "Groups with members in the process",
    "handshakes_waiting": "Handshakes that are not with workers yet",
    "connections": "Open connections of any kind",
    "disconnects_waiting": "Disconnects that are not with workers yet",
    "requests_bytes": "HTTP requests that no worker has answered, their bodies included",
    "writes_bytes": "What slow clients have not taken yet",
    "messages_bytes": "WebSocket messages and pipelined requests that are not complete",
    "headers_bytes": "Request headers that are not complete",
    "handshakes_bytes": "Handshakes that are not with workers yet, and the replies they share",
    "outbox_bytes": "Messages that wait for Redis to come back",
    "links_bytes": "Commands that Redis has not taken yet",
    "budget_bytes": "The memory budget of the process",
    "memory_bytes": "Memory that the process takes (RSS)",
    "open_files": "Open files and sockets of the process",
    "open_files_limit": "How many it may have",
    "start_time_seconds": "When the process started, in seconds since 1970",
}
COUNTERS = {
    "frames_sent": "WebSocket messages sent to clients",
    "frames_received": "WebSocket messages received from clients",
    "bytes_sent": "Bytes of broadcast frames sent to clients",
    "bytes_saved": "Bytes of broadcast frames that compression has saved",
    "broadcasts": "Group messages spread over the process's sockets",
    "websockets_opened": "WebSockets accepted",
    "heartbeats_held": "Heartbeats of groups that only new members got, as nothing was missed",
    "pings": "Pings sent to silent sockets",
    "handshakes_shared": "Handshakes that got the reply to an equal one",
    "http_requests": "HTTP requests passed to workers",
    "consumer_errors": "Exceptions in consumers",
    "put_back": "Messages that another worker took because the consumer before them took long",
    "redelivered": "Acknowledged messages of dead workers that were delivered again",
    "groups_repaired": "Groups that Redis had lost and that were registered again",
    "spans": "Spans of traces that are to be sent",
    "spans_sent": "Spans that the collector has taken",
}


@never_cache
def metrics_view(request: HttpRequest, collectors: Sequence[Collector] = ()) -> HttpResponse:
    """/metrics of a project: `path("metrics", metrics_view)`.

    `collectors`: the project's own, as `path("metrics", metrics_view, {"collectors": […]})`.
    """
    wrapper = channel_layers[DEFAULT_CHANNEL_LAYER]
    layer = require_transport(wrapper.channel_layer, "/metrics")
    registry = CollectorRegistry()
    registry.register(
        Snapshot(
            processes(layer),
            queues(layer, wrapper.router.channels),
            layer.acknowledgements.count_dead_letters(),
            hung_workers(layer),
        )
    )
    for collector in collectors:
        registry.register(collector)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Snapshot(Collector):
    """A prometheus_client collector over what channels_realtime.metrics.counters collected."""

    def __init__(
        self,
        processes: Mapping[str, Report],
        queues: Mapping[str, ChannelStatistics],
        dead_letters: int,
        hung: Mapping[str, Hung],
    ) -> None:
        self.processes = processes
        self.queues = queues
        self.dead_letters = dead_letters
        self.hung = hung

    def collect(self) -> Iterator[Metric]:
        for names, family in ((GAUGES, GaugeMetricFamily), (COUNTERS, CounterMetricFamily)):
            for name, text in names.items():
                metric = family(f"realtime_{name}", text, labels=["process"])
                for process, snapshot in self.processes.items():
                    if name in snapshot["values"]:
                        metric.add_metric([process], snapshot["values"][name])
                yield metric
        drops = CounterMetricFamily(
            "realtime_dropped", "Messages that were lost", labels=["process", "reason"]
        )
        times = SummaryMetricFamily(
            "realtime_consumer_seconds", "Time in consumers", labels=["process", "channel"]
        )
        latencies = HistogramMetricFamily(
            "realtime_latency_seconds", "Time that a stage takes", labels=["process", "stage"]
        )
        for process, snapshot in self.processes.items():
            for stage, report in snapshot.get("latencies", {}).items():
                latencies.add_metric([process, stage], buckets(report), report["seconds"])
            for reason, number in snapshot["drops"].items():
                drops.add_metric([process, reason], number)
            for channel, (count, seconds) in snapshot["times"].items():
                times.add_metric([process, channel], int(count), seconds)
        yield drops
        yield times
        yield latencies
        length = GaugeMetricFamily(
            "realtime_queue_length", "Messages that wait in the channel", labels=["channel"]
        )
        age = GaugeMetricFamily(
            "realtime_queue_age_seconds",
            "How long the oldest message has waited",
            labels=["channel"],
        )
        for channel, statistics in self.queues.items():
            length.add_metric([channel], statistics["messages_pending"])
            age.add_metric([channel], statistics["messages_max_age"])
        yield length
        yield age
        full = CounterMetricFamily(
            "realtime_channel_full", "Messages that a full channel refused", labels=["channel"]
        )
        for channel, statistics in self.queues.items():
            full.add_metric([channel], statistics["channel_full_count"])
        yield full
        yield GaugeMetricFamily(
            "realtime_dead_letters",
            "Acknowledged messages that were given up",
            value=self.dead_letters,
        )
        workers = CounterMetricFamily(
            "realtime_hung_workers", "Workers that the watchdog has ended", labels=["channel"]
        )
        messages = CounterMetricFamily(
            "realtime_hung_messages", "Messages that were lost with them", labels=["channel"]
        )
        for channel, hung in self.hung.items():
            workers.add_metric([channel], hung.workers)
            messages.add_metric([channel], hung.messages)
        yield workers
        yield messages
