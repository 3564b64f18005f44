"""Tell readers the head revision and their number, and publish what is scheduled."""

import signal
from contextlib import suppress

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels_realtime.layer.suitability import UnsuitableRedis, require_suitable
from django.core.management.base import BaseCommand, CommandError

from database.deadlines import limit_answers
from liveblog.stream.pulse import Pulse, Stopped


class Command(BaseCommand):
    help = (
        "Every 2 s, tell the readers of each live blog its head revision and how many they are; "
        "publish scheduled updates. Of several such processes one is active, another takes over "
        "within 5 s. Ctrl-C or SIGTERM ends it."
    )

    def handle(self, **options: object) -> None:
        layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        try:
            require_suitable(layer.ring, layer.prefix)
        except UnsuitableRedis as error:
            raise CommandError(str(error), returncode=error.exit_code) from None
        limit_answers()
        pulse = Pulse(layer)
        with suppress(Stopped):  # one that comes before run() is ready for it
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, pulse.stop)
            pulse.run()
