"""Traces that are off, and messages of processes that trace. tests/e2e/test_traces.py has spans."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from channels_realtime import tracing
from channels_realtime.interface.redis.inbox import Inbox
from channels_realtime.layer.envelope import GROUP, STAMP, Codec
from channels_realtime.metrics.counters import Metrics
from channels_realtime.tracing import CONTEXT, is_wanted
from harness.waiting import PATIENCE

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
OFF = """
import sys
from channels_realtime import tracing
tracing.start("worker@host:1")
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
    tracing.start("worker@host:1")
    assert tracing.active is None
    [record] = caplog.records
    assert "No traces" in record.message and "opentelemetry-sdk" in record.message


END = """
import os, socket
listening = socket.create_server(("127.0.0.1", 0))  # accepts, and never answers
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "3600"
from channels_realtime import tracing
tracing.start("worker@host:1")
with tracing.active.consumer("channel", {}):
    pass
"""


def test_a_process_ends_although_its_collector_does_not_answer():
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    subprocess.run([sys.executable, "-c", END], check=True, timeout=PATIENCE)


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
