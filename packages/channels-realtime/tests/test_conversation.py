"""A worker saves round trips at the ends of a conversation, and loses nothing by it."""

from collections.abc import Iterator

import pytest
from channels import DEFAULT_CHANNEL_LAYER, Group, channel_layers
from channels.exceptions import ConsumeLater
from channels.message import Message
from channels.routing import Router, route
from channels.sessions import channel_session, enforce_ordering
from channels_realtime.layer.channel_layer import PROCESS
from channels_realtime.layer.receiving import Delivery
from channels_realtime.sessions import SessionStore
from channels_realtime.worker.worker import Worker
from django.test import override_settings

SOCKET = f"{PROCESS}conversation!socket"


@pytest.fixture
def layer() -> Iterator[object]:
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    router = layer.router
    layer.flush()
    with override_settings(CHANNEL_SESSION_ENGINE="channels_realtime.sessions"):
        yield layer
    channel_layers[DEFAULT_CHANNEL_LAYER].router = router
    layer.flush()


def handle(layer, channel, consumer, **content):
    """Run the consumer in a worker, and send what it left to be sent."""
    worker = Worker(layer, signal_handlers=False)
    worker.channel_layer.router = Router([route(channel, consumer)])
    content = {"reply_channel": SOCKET, "order": 0} | content
    worker.deliver(worker.handle(Delivery(channel, content)))


def session_of(layer):
    return dict(SessionStore(reply_channel=SOCKET).load())


def test_the_session_of_a_connect_is_written_with_the_accept(layer, monkeypatch):
    exchanges = []
    connection = layer.shard(0)
    connection.open()
    exchange = connection.exchange

    def count(commands, *arguments, **options):
        exchanges.append([command[0] for command in commands])
        return exchange(commands, *arguments, **options)

    @channel_session
    def connect(message):
        message.channel_session["name"] = "somebody"
        message.reply_channel.send({"accept": True})

    monkeypatch.setattr(connection, "exchange", count)
    handle(layer, "websocket.connect", connect)
    assert exchanges == [["EVALSHA", "EVALSHA"]]
    assert session_of(layer) == {"name": "somebody"}


def test_an_immediate_accept_does_not_overtake_the_session(layer):
    found = []

    @channel_session
    def connect(message: Message) -> None:
        message.channel_session["name"] = "somebody"
        message.channel_session.save()
        message.reply_channel.send({"accept": True}, immediately=True)
        found.append(session_of(layer))

    handle(layer, "websocket.connect", connect)
    assert found == [{"name": "somebody"}]


def test_after_an_immediate_accept_the_session_is_written_at_once(layer):
    found = []

    @channel_session
    def connect(message: Message) -> None:
        message.reply_channel.send({"accept": True}, immediately=True)
        message.channel_session["name"] = "somebody"
        message.channel_session.save()
        found.append(session_of(layer))

    handle(layer, "websocket.connect", connect)
    assert found == [{"name": "somebody"}]


def test_a_disconnect_ends_the_session(layer):
    @channel_session
    def connect(message: Message) -> None:
        message.channel_session["name"] = "somebody"

    handle(layer, "websocket.connect", connect)
    handle(layer, "websocket.disconnect", lambda message: None)
    assert session_of(layer) == {}


def test_a_disconnect_that_comes_before_its_turn_ends_nothing(layer):
    taken = []

    @enforce_ordering
    def consumer(message: Message) -> None:
        taken.append(message.channel.name)

    handle(layer, "websocket.connect", consumer)
    handle(layer, "websocket.disconnect", consumer, order=2)
    handle(layer, "websocket.receive", consumer, order=1)
    assert taken == ["websocket.connect", "websocket.receive"]
    channel, content = layer.receive(["websocket.disconnect"])
    assert (channel, content["order"]) == ("websocket.disconnect", 2)


def test_a_disconnect_that_is_consumed_later_ends_nothing(layer):
    @channel_session
    def connect(message: Message) -> None:
        message.channel_session["name"] = "somebody"

    def later(message: Message) -> None:
        raise ConsumeLater

    handle(layer, "websocket.connect", connect)
    handle(layer, "websocket.disconnect", later)
    assert session_of(layer) == {"name": "somebody"}


def test_a_discard_in_the_consumer_of_a_disconnect_is_left_to_the_interface_server(layer):
    other = f"{PROCESS}conversation!other"

    def disconnect(message: Message) -> None:
        Group("g").discard(message.reply_channel)
        Group("g").discard(other)

    for channel in (SOCKET, other):
        layer.group_add("g", channel)
    handle(layer, "websocket.disconnect", disconnect)
    assert layer.group_channels("g") == [SOCKET]
    layer.group_discard("g", SOCKET)
    assert layer.group_channels("g") == []
