"""Traces: one request, from an interface server through a worker to all sockets."""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness.waiting import PATIENCE, wait_until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.stack import Stack
from tests.serving import serving

TOKEN = "a token of the newsroom's"
SECRET = "not-a-real-invitation"
BODY = {"body": "Traced"}


@dataclass(frozen=True)
class Span:
    """A span, as the collector has received it."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    process: str
    service: str
    attributes: dict[str, str | int]


class Collector(ThreadingHTTPServer):
    """Receives OTLP over HTTP, in protobuf."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def find(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = values(group.resource.attributes)
            for scope in group.scope_spans:
                self.server.spans += [
                    Span(
                        span.name,
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id,
                        str(resource["service.instance.id"]),
                        str(resource["service.name"]),
                        values(span.attributes),
                    )
                    for span in scope.spans
                ]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def values(attributes) -> dict[str, str | int]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with serving(Collector()) as server:
        yield server


@pytest.fixture(scope="module")
def stack(collector: Collector) -> Iterator[Stack]:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SERVICE_NAME": "liveblog",
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # ms
    }
    with Stack(INTERFACES="2", API_TOKENS=TOKEN, **environ) as stack:
        yield stack


def post(stack: Stack) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Idempotency-Key": "traced",
        # A client does not choose its trace.
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    url = f"http://{stack.address}/api/liveblogs/demo/updates/"
    request = urllib.request.Request(url, json.dumps(BODY).encode(), headers)
    assert urllib.request.urlopen(request, timeout=PATIENCE).status == 201


def test_a_post_is_one_trace_from_its_request_to_the_sockets(stack: Stack, collector) -> None:
    readers = [stack.reader() for _ in range(6)]
    for reader in readers:
        assert reader.frame()["type"] == "replay"
    post(stack)
    for reader in readers:
        assert "Traced" in reader.frame()["content"]
        reader.socket.close()

    [request] = wait_until(lambda: collector.find("POST"), "the span of the request")
    [consumer] = wait_until(
        lambda: [span for span in collector.find("http.request") if span.parent == request.id],
        "the span of the consumer",
    )

    def delivered() -> list[Span]:
        found = [span for span in collector.find("group.deliver") if span.trace == request.trace]
        return found if sum(int(each.attributes["realtime.sockets"]) for each in found) == 6 else []

    deliveries = wait_until(delivered, "the spans of the deliveries")
    [send] = [span for span in collector.find("group.send") if span.trace == request.trace]

    assert request.parent == b"" and request.trace != bytes.fromhex("a" * 32)
    assert {span.trace for span in (consumer, send, *deliveries)} == {request.trace}
    assert send.parent == consumer.id and {span.parent for span in deliveries} == {send.id}
    # One per interface server that has readers, not one per reader.
    assert len({span.process for span in deliveries}) == len(deliveries) <= 2
    kinds = [span.process.partition("@")[0] for span in (request, consumer, send, *deliveries)]
    assert kinds == ["interface", "worker", "worker", *["interface"] * len(deliveries)]
    assert send.process == consumer.process
    assert request.attributes["http.response.status_code"] == 201
    assert consumer.attributes["http.route"] == "/api/liveblogs/<slug>/updates/"
    assert send.attributes["messaging.destination.name"] == "liveblog-demo"
    assert {span.service for span in collector.spans} == {"liveblog"}


def test_handshakes_are_traced_and_pulses_are_not(stack: Stack, collector: Collector) -> None:
    with stack.reader() as reader:
        reader.frame()
        reader.pulse()
    handshakes = wait_until(lambda: collector.find("websocket.connect"), "a handshake's span")
    assert handshakes[0].attributes["url.path"] == "/channel/liveblog/demo/"
    ids = {span.id for span in collector.spans}
    assert all(span.parent in ids for span in collector.find("group.send"))


def test_no_span_has_an_address_with_a_secret_or_a_health_check(stack: Stack, collector) -> None:
    with pytest.raises(urllib.error.HTTPError):
        stack.get(f"/invitations/{SECRET}/")
    stack.get("/readyz")
    stack.get("/")
    wait_until(
        lambda: "/" in {s.attributes.get("http.route") for s in collector.find("http.request")},
        "the span of the last request",
    )
    assert SECRET not in str(collector.spans) and not collector.find("http.ready")


def test_metrics_has_the_spans_that_were_sent(stack: Stack) -> None:
    post(stack)
    pattern = re.compile(r'^realtime_spans_sent_total{process="interface.*} [1-9]', re.M)
    wait_until(lambda: pattern.search(stack.get("/metrics").read().decode()), "a count of spans")
