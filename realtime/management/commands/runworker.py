"""channels' runworker, with the worker of realtime.worker."""

import channels.worker
from channels.management.commands import runworker

from realtime import worker


class Command(runworker.Command):
    help = "Handle messages of the channel layer until told to stop."

    def handle(self, *args, **options):
        # channels' command looks its worker classes up in its own module.
        runworker.Worker, runworker.WorkerGroup = worker.Worker, worker.WorkerGroup
        assert issubclass(worker.Worker, channels.worker.Worker)
        super().handle(*args, **options)
