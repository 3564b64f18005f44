"""What the processes do, as tables for the terminal."""

from collections.abc import Sequence
from typing import Any

import redis
from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.core.management.base import BaseCommand, CommandError

from channels_realtime.layer.channel_layer import ChannelStatistics
from channels_realtime.layer.requirement import UnsupportedLayer, require_transport
from channels_realtime.metrics.counters import (
    PUBLISH,
    Hung,
    Report,
    hung_workers,
    processes,
    queues,
)

Row = Sequence[str]


class Command(BaseCommand):
    help = "Show the processes, the queues and what was dropped."

    def handle(self, **options: Any) -> None:
        wrapper = channel_layers[DEFAULT_CHANNEL_LAYER]
        try:
            layer = require_transport(wrapper.channel_layer, "The status")
        except UnsupportedLayer as error:
            raise CommandError(str(error), returncode=error.exit_code) from None
        try:
            found = processes(layer)
            waiting = queues(layer, wrapper.router.channels)
            hung = hung_workers(layer)
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        self.table(PROCESS_COLUMNS, [process_row(*item) for item in sorted(found.items())])
        if not found:
            self.stdout.write(f"No process has reported yet; each does every {PUBLISH} s.")
        self.stdout.write("")
        self.table(QUEUE_COLUMNS, [queue_row(*item) for item in waiting.items()])
        if hung:
            self.stdout.write("")
            self.table(HUNG_COLUMNS, [hung_row(*item) for item in sorted(hung.items())])

    def table(self, columns: Row, rows: Sequence[Row]) -> None:
        """Columns as wide as their widest cell: text to the left, numbers to the right."""
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in [columns, *rows]:
            first, *others = zip(row, widths, strict=True)
            cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
            self.stdout.write("  ".join(cells).rstrip())


PROCESS_COLUMNS = ("process", "sockets", "broadcasts", "sent", "received", "messages", "dropped")
QUEUE_COLUMNS = ("channel", "waiting", "oldest s", "in all", "refused")
HUNG_COLUMNS = ("hung at", "workers", "lost messages")


def process_row(name: str, snapshot: Report) -> Row:
    values = snapshot["values"]
    handled = sum(number for number, _ in snapshot["times"].values())
    dropped = ", ".join(f"{reason} {number}" for reason, number in snapshot["drops"].items())
    numbers = [
        values.get(key, 0) for key in ("sockets", "broadcasts", "frames_sent", "frames_received")
    ]
    return (name, *map(str, numbers), str(handled), dropped or "0")


def queue_row(channel: str, statistics: ChannelStatistics) -> Row:
    return (
        channel,
        str(statistics["messages_pending"]),
        f"{statistics['messages_max_age']:.1f}",
        str(statistics["messages_count"]),
        str(statistics["channel_full_count"]),
    )


def hung_row(channel: str, count: Hung) -> Row:
    return (channel or "no message", str(count.workers), str(count.messages))
