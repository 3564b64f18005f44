"""Sends spans to the collector. Imported only where channels_realtime.tracing traces."""

import logging
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

logger = logging.getLogger(__name__)

# The exporter logs an error per batch that it gives up, and a warning per attempt.
exporter_logger = logging.getLogger(trace_exporter.__name__)

Count = Callable[[str, int], None]  # the name of a counter, and how many more


class OutageExporter(SpanExporter):
    """Sends by another exporter, and logs an outage of the collector once instead of per batch.

    It counts the spans that the collector has taken as `spans_sent`.
    """

    def __init__(self, exporter: SpanExporter, count: Count) -> None:
        self.exporter = exporter
        self.count = count
        self.lost = 0  # spans since the outage began
        self.reason = ""
        exporter_logger.addFilter(self.keep_reason)

    def keep_reason(self, record: logging.LogRecord) -> bool:
        """A logging filter: it drops the exporter's lines; the first of a batch has the reason."""
        self.reason = self.reason or record.getMessage()
        return False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.reason = ""
        try:
            result = self.exporter.export(spans)
        except Exception as error:  # before 1.40, where nobody listens
            result = SpanExportResult.FAILURE
            self.reason = str(error)
        if result is SpanExportResult.SUCCESS:
            self.count("spans_sent", len(spans))
            if self.lost:
                logger.warning("The collector takes traces again; %d spans were lost.", self.lost)
            self.lost = 0
        else:
            if not self.lost:
                logger.warning(
                    "Traces are lost, as the collector does not take them: %s", self.reason
                )
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self.exporter.force_flush(timeout_millis)


class SpanCounter(SpanProcessor):
    """Counts the spans that are to be sent as `spans`: those that are lost in a full queue, too."""

    def __init__(self, count: Count) -> None:
        self.count = count

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.count("spans", 1)
