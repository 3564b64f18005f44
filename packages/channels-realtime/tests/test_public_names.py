"""What `channels_realtime` offers, and what Channels 1.1.8 offers that is tested on top of it."""

import re

import channels_realtime
from harness.project import Board
from test_compat import run_python

# What the documentation of Channels 1.1.8 says that a project may use.
DOCUMENTED = """
    Channel Group Message channel_layers get_channel_layer
    route route_class include as_route
    BaseConsumer WebsocketConsumer JsonWebsocketConsumer
    WebsocketDemultiplexer WebsocketMultiplexer
    WebsocketBinding WebsocketBindingWithMembers
    channel_session http_session channel_and_http_session enforce_ordering
    http_session_user channel_session_user channel_session_user_from_http
    channel_and_http_session_user_from_http transfer_user allowed_hosts_only
    AsgiRequest AsgiHandler encode_response ViewConsumer StaticFilesConsumer
    ConsumeLater DenyConnection ResponseLater RequestTimeout RequestAborted
    SendNotAvailableOnDemultiplexer WebsocketCloseException
    consumer_started consumer_finished worker_ready
    ChannelTestCase TransactionChannelTestCase ChannelLiveServerTestCase
    Client WSClient HttpClient apply_routes get_next_message send_and_consume
    DelayedMessage TEST_CONFIG
"""


def test_the_package_imports_no_legacy_package_before_install():
    done = run_python(
        "import sys, channels_realtime\n"
        "loaded = {'channels', 'asgi_redis', 'daphne', 'django'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "channels_realtime.install()\n"
        "channels_realtime.RedisChannelLayer, channels_realtime.close_codes.FLOOD\n"
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_exists():
    assert [
        name for name in channels_realtime.__all__ if not hasattr(channels_realtime, name)
    ] == []
    assert not hasattr(channels_realtime, "another_name")


def test_the_foreign_project_uses_every_documented_name():
    """Its own tests use most of them on three layers; see test_foreign_project."""
    text = "".join(path.read_text() for path in (Board.root / "board").glob("*.py"))
    assert set(DOCUMENTED.split()) - set(re.findall(r"\w+", text)) == set()
