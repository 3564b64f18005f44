"""channels' runworker, with the worker of realtime.worker."""

import channels.worker
from channels import channel_layers
from channels.management.commands import runworker
from django.core.management.base import CommandError

from realtime import worker


class Command(runworker.Command):
    help = "Handle messages of the channel layer until told to stop."

    def handle(self, *args, **options):
        if options["threads"] < 1:
            raise CommandError("--threads is a whole number from 1.", returncode=2)
        layer = channel_layers[options["layer"]]
        names = {name: options[name] for name in ("only_channels", "exclude_channels")}
        if not worker.Worker(layer, **names).apply_channel_filters(layer.router.channels):
            sentence = "--only-channels and --exclude-channels leave no channel to read."
            raise CommandError(sentence, returncode=2)
        # channels' command looks its worker classes up in its own module.
        runworker.Worker, runworker.WorkerGroup = worker.Worker, worker.WorkerGroup
        assert issubclass(worker.Worker, channels.worker.Worker)
        super().handle(*args, **options)
