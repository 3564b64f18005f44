"""Where a channel session is stored, and what its values become."""

import json
import uuid
from collections.abc import Iterator

import django
import pytest
from asgiref.inmemory import ChannelLayer
from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels.asgi import ChannelLayerWrapper
from channels.message import Message
from channels.sessions import channel_session, session_for_reply_channel
from channels_realtime.layer.envelope import MESSAGE
from channels_realtime.sessions import MemoryStore, SessionStore
from django.contrib.sessions.backends import cache, signed_cookies
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

django.setup()

BACKENDS = "django.contrib.sessions.backends"


@pytest.fixture(autouse=True)
def our_engine() -> Iterator[None]:
    with override_settings(CHANNEL_SESSION_ENGINE="channels_realtime.sessions"):
        yield
        channel_layers[DEFAULT_CHANNEL_LAYER].flush()


@pytest.fixture
def use_layer() -> Iterator[object]:
    """Puts a layer in the place of ours."""
    before = channel_layers[DEFAULT_CHANNEL_LAYER]

    def use(layer):
        channel_layers.set(DEFAULT_CHANNEL_LAYER, ChannelLayerWrapper(layer, "default", []))

    yield use
    channel_layers.set(DEFAULT_CHANNEL_LAYER, before)


@channel_session
def write(message, values):
    message.channel_session.update(values)


def stored(values):
    """The values as the next message of the socket gets them."""
    socket = f"plain!{uuid.uuid4().hex}"
    write(Message({"reply_channel": socket}, "", channel_layers[DEFAULT_CHANNEL_LAYER]), values)
    return dict(session_for_reply_channel(socket).items())


def test_values_are_those_of_djangos_serializer():
    values = {"big": 2**70, "negative": -(2**70), "map": {1: {2.5: None}}, "pair": (1, "ü")}
    assert stored(values) == json.loads(json.dumps(values))


def test_a_value_that_djangos_serializer_refuses_is_refused():
    with pytest.raises(TypeError, match="bytes is not JSON serializable"):
        stored({"bytes": b"x"})


def test_a_session_of_an_earlier_release_is_read():
    session = SessionStore(reply_channel="plain!socket")
    packed = session.layer.codec.pack(MESSAGE, None, {"name": "somebody"})
    layer = session.layer
    layer.run(layer.scripts.session_save(session.shard, "plain!socket", 60, packed))
    assert session.load() == {"name": "somebody"}


@pytest.mark.parametrize("engine", ["db", "signed_cookies"])
def test_in_memory_without_an_engine_of_the_project_sessions_are_in_memory(use_layer, engine):
    """The project of these tests has no table of sessions."""
    use_layer(ChannelLayer())
    with override_settings(SESSION_ENGINE=f"{BACKENDS}.{engine}"):
        assert isinstance(session_for_reply_channel("plain!socket"), MemoryStore)
        assert stored({"number": 1}) == {"number": 1}


def test_on_another_layer_sessions_are_where_the_project_has_them(use_layer, stock_layer):
    use_layer(stock_layer)
    with override_settings(SESSION_ENGINE=f"{BACKENDS}.cache"):
        assert type(session_for_reply_channel("plain!socket")) is cache.SessionStore
        assert stored({"number": 1}) == {"number": 1}
    with (
        override_settings(SESSION_ENGINE=signed_cookies.__name__),
        pytest.raises(ImproperlyConfigured, match="needs a SESSION_ENGINE"),
    ):
        session_for_reply_channel("plain!socket")
