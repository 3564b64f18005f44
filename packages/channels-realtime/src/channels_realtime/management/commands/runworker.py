"""channels' runworker, with the worker of channels_realtime.worker.worker on our channel layer."""

import os
from argparse import ArgumentParser
from functools import partial
from typing import Any

import channels.worker
from asgiref.base_layer import BaseChannelLayer
from channels import channel_layers
from channels.handler import ViewConsumer
from channels.management.commands import runworker
from channels.routing import route
from django.conf import settings
from django.core.management.base import CommandError

from channels_realtime import tracing
from channels_realtime.interface.liveness import READY_CHANNEL
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.requirement import UnsupportedLayer
from channels_realtime.layer.suitability import UnsuitableRedis, require_suitable
from channels_realtime.metrics.counters import Metrics
from channels_realtime.worker import timeouts, worker
from channels_realtime.worker.recycling import Limits, can_measure_memory

# Those that channels' command adds consumers for, after this one has looked at the filters.
DEFAULT_CHANNELS = {
    "http.request",
    "websocket.connect",
    "websocket.receive",
    "websocket.disconnect",
}


class Command(runworker.Command):
    help = "Handle messages of the channel layer until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        end = "end, to be started again by what supervises the worker, "
        parser.add_argument(
            "--max-messages",
            type=int,
            default=0,
            help=f"{end}after 80 to 100 %% of so many messages; 0: never",
        )
        parser.add_argument(
            "--max-memory",
            type=int,
            default=0,
            help=f"{end}above 80 to 100 %% of so many MiB of resident memory; 0: never",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["threads"] < 1:
            raise CommandError("--threads is a whole number from 1.", returncode=2)
        limits = Limits(options["max_messages"], options["max_memory"])
        if min(limits.messages, limits.memory) < 0:
            sentence = "--max-messages and --max-memory are whole numbers from 0."
            raise CommandError(sentence, returncode=2)
        if limits.memory and not can_measure_memory():
            raise CommandError("--max-memory needs Linux, for /proc/self/statm.", returncode=2)
        try:
            configured = timeouts.configured()
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from None
        layer = channel_layers[options["layer"]]
        if not isinstance(layer.channel_layer, Transport):
            self.choose_stock_worker(layer.channel_layer, limits)
            super().handle(*args, **options)
            return
        if READY_CHANNEL not in layer.router.channels:
            layer.router.add_route(route(READY_CHANNEL, ViewConsumer()))
        filters = {name: options[name] for name in ("only_channels", "exclude_channels")}
        names_read = DEFAULT_CHANNELS | layer.router.channels
        if not worker.Worker(layer, **filters).apply_channel_filters(names_read):
            sentence = "--only-channels and --exclude-channels leave no channel to read."
            raise CommandError(sentence, returncode=2)
        try:
            require_suitable(layer.ring, layer.prefix)
        except UnsuitableRedis as error:
            raise CommandError(str(error), returncode=error.exit_code) from None
        tracing.start(Metrics("worker").process, layer.channel_layer.count)
        # channels' command looks its worker classes up in its own module.
        runworker.Worker = partial(worker.Worker, limits=limits, timeouts=configured)
        runworker.WorkerGroup = partial(worker.WorkerGroup, limits=limits, timeouts=configured)
        assert issubclass(worker.Worker, channels.worker.Worker)
        super().handle(*args, **options)

    def choose_stock_worker(self, layer: BaseChannelLayer, limits: Limits) -> None:
        """Have channels' command run its own worker, on a layer that ours cannot work on."""
        if limits != Limits():
            error = UnsupportedLayer("--max-messages or --max-memory", layer)
            raise CommandError(str(error), returncode=error.exit_code)
        if hasattr(settings, "CONSUMER_TIMEOUT") or os.environ.get("CONSUMER_TIMEOUT"):
            self.stderr.write(str(UnsupportedLayer("CONSUMER_TIMEOUT", layer)))
        runworker.Worker = channels.worker.Worker
        runworker.WorkerGroup = channels.worker.WorkerGroup
