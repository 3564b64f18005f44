"""channels' runserver, with the worker of channels_realtime.worker.worker on our channel layer."""

import logging
import threading
from functools import partial
from typing import Any

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels.asgi import ChannelLayerWrapper
from channels.management.commands import runserver

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.worker.worker import WorkerGroup

THREADS = 4  # as channels' own


class Command(runserver.Command):
    def inner_run(self, *args: Any, **options: Any) -> None:
        if (
            options["use_asgi"]
            and DEFAULT_CHANNEL_LAYER in channel_layers
            and isinstance(channel_layers[DEFAULT_CHANNEL_LAYER].channel_layer, Transport)
        ):
            threads = THREADS if options["use_threading"] else 1
            # channels' command looks the class up in its own module, and starts one for each
            # thread; ours starts the threads itself.
            runserver.WorkerThread = partial(WorkerThread, threads)
            options["use_threading"] = False
        super().inner_run(*args, **options)


class WorkerThread(threading.Thread):
    """Runs our worker: channels' own does not delete the sessions of closed sockets."""

    def __init__(self, threads: int, layer: ChannelLayerWrapper, logger: logging.Logger) -> None:
        super().__init__()
        self.threads = threads
        self.layer = layer

    def run(self) -> None:
        # CONSUMER_TIMEOUT does not apply: a breakpoint must not end the server.
        group = WorkerGroup(self.layer, n_threads=self.threads, signal_handlers=False)
        group.ready()
        group.run()
