"""Traces that are off, and messages of processes that trace. tests/e2e/test_traces.py has spans."""

import subprocess
import sys
import threading
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from channels.asgi import ChannelLayerWrapper
from channels_realtime import tracing
from channels_realtime.interface.redis.inbox import Inbox
from channels_realtime.layer import RedisChannelLayer
from channels_realtime.layer.envelope import GROUP, STAMP, Codec
from channels_realtime.metrics.counters import Metrics
from channels_realtime.streams import Stream
from channels_realtime.tracing import CONTEXT, is_wanted
from harness.environment import redis_server
from harness.network import free_port
from harness.waiting import PATIENCE

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
OFF = """
import sys
from channels_realtime import tracing
tracing.start("worker@host:1", lambda name, number: None)
assert tracing.active is None
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_switch_traces_on(environ, wanted):
    assert is_wanted(environ) == wanted


def test_without_them_nothing_is_imported():
    subprocess.run([sys.executable, "-c", OFF], env={}, check=True)


def test_without_the_packages_a_process_says_so_and_works_on(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", ENDPOINT["OTEL_EXPORTER_OTLP_ENDPOINT"])
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    tracing.start("worker@host:1", lambda name, number: None)
    assert tracing.active is None
    [record] = caplog.records
    assert "No traces" in record.message and "opentelemetry-sdk" in record.message


END = """
import os, socket
listening = socket.create_server(("127.0.0.1", 0))  # accepts, and never answers
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "3600"
from channels_realtime import tracing
tracing.start("worker@host:1", lambda name, number: None)
with tracing.active.consumer("channel", {}):
    pass
"""


def test_a_process_ends_although_its_collector_does_not_answer():
    subprocess.run([sys.executable, "-c", END], check=True, timeout=PATIENCE)


def test_an_outage_of_the_collector_is_one_warning_and_its_end_has_the_number(caplog):
    from channels_realtime.trace_export import OutageExporter, SpanCounter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    counts: Counter[str] = Counter()

    def count(name: str, number: int) -> None:
        counts[name] += number

    port = free_port()  # the first attempt is refused, and there is no time for another
    url = f"http://127.0.0.1:{port}/v1/traces"
    outage = OutageExporter(OTLPSpanExporter(url, timeout=0.2), count)
    provider = TracerProvider()
    provider.add_span_processor(SpanCounter(count))
    provider.add_span_processor(SimpleSpanProcessor(outage))
    tracer = provider.get_tracer("test")

    def make_spans() -> None:
        for _ in range(3):
            tracer.start_span("a span").end()

    make_spans()
    [record] = caplog.records
    assert record.levelname == "WARNING" and "Failed to export" in record.message
    outage.exporter = OTLPSpanExporter(url, timeout=PATIENCE)  # the machine may be busy
    with HTTPServer(("127.0.0.1", port), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        make_spans()
        server.shutdown()
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 2
    assert "3 spans were lost" in caplog.records[1].message
    assert counts == {"spans": 6, "spans_sent": 3}


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def spans(monkeypatch):
    """The spans of this process, which traces during the test."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "active", tracing.Traces(provider.get_tracer("test")))
    return exporter.get_finished_spans


@pytest.fixture
def layer():
    name = uuid.uuid4().hex
    found = RedisChannelLayer(
        hosts=[redis_server.url], prefix=f"{name}:", stats_prefix=f"{name}-meta:"
    )
    yield found
    found.flush()


def test_the_context_reaches_members_and_is_not_in_a_history(layer, spans):
    layer.group_add("room", "member")
    stream = Stream("room", channel_layer=ChannelLayerWrapper(layer, "default", []))
    with tracing.active.consumer("websocket.receive", {"path": "/"}):
        stream.send({"text": "{}"}, key=None)
    send, consumer = spans()
    assert (send.name, consumer.name) == ("group.send", "websocket.receive")
    assert send.parent.span_id == consumer.context.span_id and consumer.parent is None
    _, message = layer.receive(["member"])
    assert f"-{send.context.span_id:016x}-" in message[CONTEXT]
    assert [entry.message for entry in stream.history().entries] == [{"text": "{}"}]


def test_what_is_sent_outside_a_consumer_is_no_trace(layer, spans):
    layer.group_add("room", "member")
    layer.send_group("room", {"text": "pulse"})
    assert layer.receive(["member"])[1] == {"text": "pulse"} and not spans()


def test_a_consumer_gets_its_message_without_the_context_and_its_failure_is_in_the_span(spans):
    content = {"path": "/", CONTEXT: f"00-{'a' * 32}-{'b' * 16}-01"}
    with tracing.active.consumer("websocket.receive", content):
        tracing.active.fail(ValueError("a secret"))
    [span] = spans()
    assert content == {"path": "/"} and span.parent.span_id == int("b" * 16, 16)
    assert span.status.description == "ValueError" and not span.events


class Recipients:
    def __init__(self):
        self.frames = []

    def broadcast(self, group, frames):
        self.frames += frames
        return 1


def test_a_broadcast_of_a_worker_that_traces_is_encoded_once_without_its_context():
    recipients, codec = Recipients(), Codec()
    layer = SimpleNamespace(codec=codec, expiry=60, prefix="")
    inbox = Inbox(layer, "", recipients, Metrics("test"))
    inbox.link = SimpleNamespace(shard=SimpleNamespace(clock=SimpleNamespace(now=lambda: 0.0)))
    message = {"text": "news", CONTEXT: f"00-{'a' * 32}-{'b' * 16}-01"}
    inbox.handle([STAMP.pack(0) + codec.pack(GROUP, "group", message)])
    assert recipients.frames == [b"\x81\x04news"] and not inbox.contexts
