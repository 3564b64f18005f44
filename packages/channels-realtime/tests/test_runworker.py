"""What `manage.py runworker` refuses: to run and do nothing. And what it does not."""

import django
import pytest
from channels import channel_layers
from channels.asgi import ChannelLayerWrapper
from channels.routing import route
from channels_realtime.worker import worker
from django.core.management import CommandError, call_command

django.setup()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--threads", "0"], "--threads is a whole number from 1."),
        (["--max-messages", "-1"], "--max-messages and --max-memory are whole numbers from 0."),
        (["--only-channels", "http"], "leave no channel to read"),
        (["--exclude-channels", "*"], "leave no channel to read"),
    ],
)
def test_a_worker_that_would_do_nothing_does_not_start(arguments, sentence):
    with pytest.raises(CommandError, match=sentence) as refusal:
        call_command("runworker", *arguments)
    assert refusal.value.returncode == 2  # supervisord does not try again


@pytest.mark.parametrize("names", [[], ["websocket.receive"]], ids=["no routes", "sockets"])
@pytest.mark.parametrize("pattern", ["http.request", "websocket.conn*"])
def test_a_pool_reads_channels_that_only_django_consumes(monkeypatch, names, pattern):
    routing = [route(name, lambda message: None) for name in names]
    layer = channel_layers["default"].channel_layer
    wrapper = ChannelLayerWrapper(layer, "default", routing)
    monkeypatch.setitem(channel_layers.backends, "default", wrapper)
    read = []

    def run(self):
        read.extend(self.apply_channel_filters(self.channel_layer.router.channels))

    monkeypatch.setattr(worker.Worker, "run", run)
    call_command("runworker", "--only-channels", pattern)
    assert read == [pattern.replace("*", "ect")]
