"""Traces for OpenTelemetry, from a request to the sockets that its broadcast reaches.

They are off unless a standard variable names the collector: OTEL_EXPORTER_OTLP_ENDPOINT, or
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. The SDK reads all other OTEL_ variables by itself. Where traces
are off, `active` is None, nothing is imported, and each place that could make a span compares once.

    GET                 an interface server: from a request to the end of its response
      http.request      a worker: the consumer of a message; so for every channel
        group.send      a message to a group
          group.deliver each interface server that has members: how many sockets it wrote to

Pulses and other sends outside a consumer begin no trace. A context travels in the message itself,
as one more key: the `traceparent` of W3C Trace Context. So processes of older versions, those
without traces and stock Daphne read the message as before.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

logger = logging.getLogger("channels_realtime.tracing")

CONTEXT = "__traceparent__"  # a key of messages
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PACKAGES = "opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"
EXPORT_WITHIN = 3  # s per batch, unless a variable says otherwise
END_WITHIN = 3  # s that a process takes longer to end for a collector that does not answer
NOT_TRACED = "http.ready"  # health checks


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the variables ask for traces."""
    names_collector = any(environ.get(name) for name in ENDPOINTS)
    is_off = environ.get("OTEL_TRACES_EXPORTER") == "none"
    return names_collector and not is_off and environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def is_installed() -> bool:
    """Whether the packages that make and send spans are there."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401
    except ImportError:
        return False
    return True


def start(process: str, count: Callable[[str, int], None]) -> None:
    """Begin to trace this process where the variables ask for it.

    Args:
        process: the name under which it publishes its metrics.
        count: adds a number to the counter of a name, from any thread.
    """
    global active
    if not is_wanted(os.environ):
        return
    if not is_installed():
        logger.warning("No traces, although a collector is named: install %s.", PACKAGES)
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from channels_realtime.trace_export import OutageExporter, SpanCounter

    attributes = {"service.instance.id": process}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        attributes["service.name"] = "channels-realtime"
    limited = {name for name in os.environ if name.startswith("OTEL_EXPORTER_OTLP_")}
    is_limited = any(name.endswith("_TIMEOUT") for name in limited)
    exporter = OTLPSpanExporter(timeout=None if is_limited else EXPORT_WITHIN)
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(SpanCounter(count))
    provider.add_span_processor(BatchSpanProcessor(OutageExporter(exporter, count)))
    send_at_exit(provider)
    active = Traces(provider.get_tracer("channels_realtime"))


def send_at_exit(provider: "TracerProvider") -> None:
    """Send what is left when the process ends, for END_WITHIN at most.

    Not as the SDK does it, for half a minute. The thread is started now, as Python starts none
    while it exits.
    """
    ending, ended = threading.Event(), threading.Event()

    def wait() -> None:
        ending.wait()
        provider.shutdown()
        ended.set()

    def end() -> None:
        ending.set()
        ended.wait(END_WITHIN)

    threading.Thread(target=wait, name="traces", daemon=True).start()
    atexit.register(end)


class Traces:
    """Makes the spans of this process."""

    def __init__(self, tracer: "Tracer") -> None:
        self.tracer = tracer

    # An interface server

    def begin_request(self, method: str, message: dict[str, Any]) -> "Span":
        """The span of a request; its context goes into the message for the workers.

        Its address is left out: some hold a secret. A worker's span has the route instead. A
        context that the client sends is not used, as it would decide what is sampled.
        """
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        attributes = {"http.request.method": method}
        span = self.tracer.start_span(method, Context(), SpanKind.SERVER, attributes)
        message[CONTEXT] = written(span)
        return span

    def end_request(self, span: "Span", status: int | None) -> None:
        """The response is complete; `status` is None where the client left before."""
        from opentelemetry.trace import StatusCode

        if status is not None:
            span.set_attribute("http.response.status_code", status)
        if status is None or status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()

    def delivered(self, context: str, group: str, sockets: int, began: float) -> None:
        """A broadcast was written to so many sockets, `began` on the monotonic clock."""
        from opentelemetry.trace import SpanKind

        ended = time.time_ns()
        span = self.tracer.start_span(
            "group.deliver",
            read(context),
            SpanKind.CONSUMER,
            {"messaging.destination.name": group, "realtime.sockets": sockets},
            start_time=ended - int((time.monotonic() - began) * 1e9),
        )
        span.end(ended)

    # A worker

    @contextmanager
    def consumer(self, channel: str, content: dict[str, Any]) -> Iterator[None]:
        """The span of the consumer that gets the message, current while the context lasts."""
        if channel == NOT_TRACED:
            yield
            return
        from opentelemetry.trace import SpanKind

        attributes = {"messaging.destination.name": channel}
        if channel.startswith("websocket.") and "path" in content:
            attributes["url.path"] = content["path"]
        if channel == "http.request" and (route := route_of(content)):
            attributes["http.route"] = route
        with self.tracer.start_as_current_span(
            channel, read(content.pop(CONTEXT, None)), SpanKind.CONSUMER, attributes
        ):
            yield

    def fail(self, error: BaseException) -> None:
        """The consumer of the current span has raised this."""
        from opentelemetry.trace import StatusCode, get_current_span

        # The text of an exception may hold what nobody but the log's readers may see.
        get_current_span().set_status(StatusCode.ERROR, type(error).__name__)

    @contextmanager
    def group_send(self, group: str, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The span of a message to a group; enters with the message that is to be sent."""
        from opentelemetry.trace import SpanKind, get_current_span

        if not get_current_span().get_span_context().is_valid:
            yield message
            return
        attributes = {"messaging.destination.name": group}
        with self.tracer.start_as_current_span(
            "group.send", kind=SpanKind.PRODUCER, attributes=attributes
        ) as span:
            yield {**message, CONTEXT: written(span)}


active: Traces | None = None


def written(span: "Span") -> str:
    """The span's context as `traceparent` (W3C Trace Context, 3.2)."""
    from opentelemetry.trace import format_span_id, format_trace_id

    context = span.get_span_context()
    trace, parent = format_trace_id(context.trace_id), format_span_id(context.span_id)
    return f"00-{trace}-{parent}-{context.trace_flags:02x}"


def read(traceparent: object) -> "Context":
    """The context of a message; an empty one, which begins a trace, where it has none."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if not isinstance(traceparent, str):
        return Context()
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())


def route_of(content: Mapping[str, Any]) -> str | None:
    """The pattern of the view's address; None for one that no view has."""
    from django.urls import resolve

    try:
        return f"/{resolve(content['path']).route}"
    except Exception:  # Resolver404, or what the consumer is about to meet in urls.py as well
        return None
