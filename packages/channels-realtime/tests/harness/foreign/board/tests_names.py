"""The public names of Channels 1.1.8, as its documentation uses them, on three channel layers."""

import json
import os

from channels import Channel, Group, channel_layers, include, route, route_class
from channels.asgi import ChannelLayerWrapper, get_channel_layer
from channels.auth import (
    channel_and_http_session_user_from_http,
    channel_session_user,
    channel_session_user_from_http,
    http_session_user,
    transfer_user,
)
from channels.binding.websockets import WebsocketBindingWithMembers
from channels.delay.models import DelayedMessage
from channels.exceptions import (
    ConsumeLater,
    DenyConnection,
    RequestAborted,
    RequestTimeout,
    ResponseLater,
    SendNotAvailableOnDemultiplexer,
    WebsocketCloseException,
)
from channels.generic import BaseConsumer
from channels.generic.websockets import (
    JsonWebsocketConsumer,
    WebsocketConsumer,
    WebsocketDemultiplexer,
    WebsocketMultiplexer,
)
from channels.handler import AsgiHandler, AsgiRequest, ViewConsumer
from channels.message import Message
from channels.security.websockets import allowed_hosts_only
from channels.sessions import channel_and_http_session, channel_session, http_session
from channels.signals import consumer_finished, consumer_started, worker_ready
from channels.staticfiles import StaticFilesConsumer
from channels.test import ChannelTestCase, Client, HttpClient, WSClient, apply_routes
from channels.worker import Worker
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse
from django.test import modify_settings, override_settings
from django.utils.module_loading import import_string

from board.bindings import Board
from board.models import Notice


def square(message):
    Channel("result").send({"value": message["value"] ** 2})


class Sums(BaseConsumer):
    method_mapping = {"sums.add": "add", "sums.show": "show"}
    start = 0

    def add(self, message, **kwargs):
        Channel("sums.show").send({"sum": self.start + sum(message["numbers"])})

    def show(self, message, **kwargs):
        Channel("result").send({"value": self.message["sum"]})


class Room(WebsocketConsumer):
    prefix = "room"

    def connection_groups(self, name, **kwargs):
        return [f"{self.prefix}-{name}"]

    def receive(self, text=None, bytes=None, name=None, **kwargs):
        if text == "bye":
            self.close(4000)
        elif text:
            self.group_send(f"{self.prefix}-{name}", text=f"{self.path} {text}")
        else:
            self.send(bytes=bytes[::-1])

    def disconnect(self, message, name, **kwargs):
        Channel("result").send({"left": self.kwargs["name"]})


class Double(JsonWebsocketConsumer):
    """Answers on a socket, or on a stream of one."""

    def receive(self, content, multiplexer=None, **kwargs):
        (multiplexer or self).send({"double": 2 * content["number"]})


class DoubleOnStream(Double):
    """A class of its own: the demultiplexer replaces its send()."""


class Streams(WebsocketDemultiplexer):
    consumers = {"double": DoubleOnStream}


class Shouting(WebsocketBindingWithMembers):
    model = Notice
    stream = "shouting"
    fields = ["text"]
    send_members = ["text.upper"]

    @classmethod
    def group_names(cls, instance):
        return ["shouting"]


class PublicNames:
    backend = ""  # or the path of a layer that has its messages in Redis

    def setUp(self):
        super().setUp()
        # As the test clients of Django and Channels do: the connection has the test's transaction.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
            self.addCleanup(signal.connect, close_old_connections)
        if self.backend:
            prefix = os.environ["BOARD_PREFIX"] + "names:"
            layer = import_string(self.backend)(hosts=[os.environ["BOARD_REDIS"]], prefix=prefix)
            routing = channel_layers["default"].routing
            in_memory = channel_layers.set(
                "default", ChannelLayerWrapper(layer, "default", routing)
            )
            self.addCleanup(channel_layers.set, "default", in_memory)
            self.addCleanup(layer.flush)

    def work(self, number):
        """Have a worker handle so many messages."""
        left = list(range(number))

        def count(channel, message):
            left.pop()
            worker.termed = not left

        layer = channel_layers["default"]
        worker = Worker(channel_layer=layer, callback=count, signal_handlers=False)
        consumer_finished.disconnect(close_old_connections)
        try:
            worker.ready()
            worker.run()
        finally:
            consumer_finished.connect(close_old_connections)

    def result(self, channel="result"):
        return self.get_next_message(channel, require=True).content

    def request(self, path, method="GET", **content):
        """The parts of the response to an HTTP request."""
        content |= {"path": path, "method": method, "reply_channel": "client"}
        content.setdefault("headers", [])
        Channel("http.request").send(content)
        message = self.get_next_message("http.request", require=True)
        return list(AsgiHandler()(message))

    # Channels, groups and messages

    def test_a_message_has_a_channel_and_a_reply_channel(self):
        Channel("some.channel").send({"text": "hello", "reply_channel": "client"})
        message = self.get_next_message("some.channel", require=True)
        assert (message.channel.name, message.reply_channel.name) == ("some.channel", "client")
        assert message["text"] == message.get("text") == message.copy()["text"] == "hello"
        assert "text" in message and set(message.keys()) == {"text", "reply_channel"}
        Channel("other", channel_layer=message.channel_layer).send(dict(message.items()))
        Channel("other", alias="default").send({"number": 2})
        assert self.result("other")["text"] == "hello"
        assert self.result("other") == {"number": 2}
        assert self.get_next_message("other") is None

    def test_a_group_sends_to_its_members(self):
        group = Group("readers")
        group.add("one.reader")
        group.add(Channel("another.reader"))
        group.send({"text": "to both"})
        group.discard("one.reader")
        group.send({"text": "to one"})
        assert self.result("one.reader") == self.result("another.reader") == {"text": "to both"}
        assert self.get_next_message("one.reader") is None
        assert self.result("another.reader") == {"text": "to one"}

    def test_a_consumer_sends_when_it_has_ended_or_immediately(self):
        def send(message):
            Channel("result").send({"order": "second"})
            Channel("result").send({"order": "first"}, immediately=True)

        with apply_routes([route("work", send)]):
            Client().send_and_consume("work")
        assert [self.result()["order"] for _ in range(2)] == ["first", "second"]

    def test_the_layer_of_the_settings(self):
        layer = channel_layers["default"]
        assert get_channel_layer() is layer.channel_layer
        assert layer.alias == "default" and "notice.add" in layer.router.channels
        message = Message({"text": ""}, "notice.add", layer)
        assert layer.router.match(message)[0].__name__ == "add_notice"
        assert layer.router.match(Message({}, "unknown", layer)) is None

    # Routing

    def test_routes_of_each_kind(self):
        inner = [route_class(Room, path=r"^/(?P<name>\w+)/$")]
        routing = [
            route("notice.add", "board.consumers.add_notice"),
            route("square", square),
            include(inner, path=r"^/rooms"),
            Room.as_route(path=r"^/halls/(?P<name>\w+)/$", attrs={"prefix": "hall"}),
        ]
        with apply_routes(routing):
            Client().send_and_consume("notice.add", {"text": "from a route"})
            assert Notice.objects.get().text == "from a route"
            Client().send_and_consume("square", {"value": 33})
            assert self.result() == {"value": 1089}
            for path, group in (("/rooms/one/", "room-one"), ("/halls/two/", "hall-two")):
                client = WSClient()
                client.send_and_consume("websocket.connect", path=path)
                Group(group).send({"text": group})
                assert client.receive(json=False) == group
            client = Client()
            client.send("unknown", {})
            with self.assertRaises(AssertionError):
                client.consume("unknown")

    def test_routing_may_be_a_dictionary(self):
        layer = channel_layers["default"].channel_layer
        wrapper = ChannelLayerWrapper(layer, "default", {"square": square})
        assert wrapper.router.match(Message({}, "square", wrapper)) == (square, {})

    @apply_routes([route("square", square)])
    def test_routes_of_one_test(self):
        assert Client().get_consumer_by_channel("square") is square

    # Generic consumers

    @apply_routes([Sums.as_route(attrs={"start": 10})])
    def test_a_base_consumer_maps_channels_to_methods(self):
        client = Client()
        client.send_and_consume("sums.add", {"numbers": [1, 2]})
        client.consume("sums.show")
        assert self.result() == {"value": 13}

    @apply_routes([route_class(Room, path=r"^/(?P<name>\w+)/$")])
    def test_a_websocket_consumer(self):
        ada, bob = WSClient(), WSClient()
        for client in (ada, bob):
            client.send_and_consume("websocket.connect", path="/hall/")
        ada.send_and_consume("websocket.receive", text="hello", path="/hall/")
        assert ada.receive(json=False) == bob.receive(json=False) == "/hall/ hello"
        bob.send_and_consume("websocket.receive", {"bytes": b"abc"}, path="/hall/")
        assert bob.receive() == {"bytes": b"cba"}
        bob.send_and_consume("websocket.receive", text="bye", path="/hall/")
        assert bob.receive() == {"close": 4000}
        bob.send_and_consume("websocket.disconnect", path="/hall/")
        assert self.result() == {"left": "hall"}
        Group("room-hall").send({"text": "who is left?"})
        assert ada.receive(json=False) == "who is left?" and bob.receive() is None

    @apply_routes([Streams.as_route(path=r"^/streams/$"), Double.as_route(path=r"^/double/$")])
    def test_json_on_a_socket_and_on_a_stream_of_one(self):
        client = WSClient()
        client.send_and_consume("websocket.connect", path="/double/")
        client.send_and_consume("websocket.receive", text={"number": 4}, path="/double/")
        assert client.receive() == {"double": 8}
        client = WSClient()
        client.send_and_consume("websocket.connect", path="/streams/", check_accept=False)
        assert client.receive() == {"accept": True}
        client.receive()  # the consumer of the stream accepts as well
        frame = {"stream": "double", "payload": {"number": 5}}
        client.send_and_consume("websocket.receive", text=frame, path="/streams/")
        assert client.receive() == {"stream": "double", "payload": {"double": 10}}
        client.join_group("listeners")
        WebsocketMultiplexer.group_send("listeners", "double", {"double": 12})
        assert client.receive() == {"stream": "double", "payload": {"double": 12}}
        with self.assertRaises(SendNotAvailableOnDemultiplexer):
            Streams.group_send("listeners", "double", {})

    # Data binding

    def test_bound_data_goes_out(self):
        client = HttpClient()
        client.join_group("notices")
        notice = Notice.objects.create(text="new")
        notice.text = "changed"
        notice.save()
        payload = {"model": "board.notice", "pk": notice.pk}
        notice.delete()
        changes = [("create", "new"), ("update", "changed"), ("delete", "changed")]
        for action, text in changes:
            expected = payload | {"action": action, "data": {"text": text}}
            assert client.receive() == {"stream": "notices", "payload": expected}

    @apply_routes([route_class(Board, path=r"^/$")])
    def test_bound_data_comes_in(self):
        client = WSClient()
        client.send_and_consume("websocket.connect", path="/")

        def change(**payload):
            frame = {"stream": "notices", "payload": payload}
            client.send_and_consume("websocket.receive", text=frame, path="/")

        change(action="create", data={"text": "new"})
        pk = Notice.objects.get(text="new").pk
        change(action="update", pk=pk, data={"text": "changed"})
        assert Notice.objects.get().text == "changed"
        change(action="delete", pk=pk)
        assert not Notice.objects.exists()

    def test_members_are_bound_as_well(self):
        client = WSClient()
        client.join_group("shouting")
        Notice.objects.create(text="new")
        data = {"text": "new", "text__upper": "NEW"}
        assert client.receive()["payload"]["data"] == data

    # Sessions and users

    def test_a_channel_session_and_the_http_session(self):
        @channel_session
        def connect(message):
            message.channel_session["count"] = 1

        @channel_and_http_session
        def receive(message):
            message.channel_session["count"] += 1
            colour = message.http_session["colour"] if message.http_session else None
            values = {"count": message.channel_session["count"], "colour": colour}
            Channel("result").send(values)

        @http_session
        def read(message):
            Channel("result").send({"colour": message.http_session["colour"]})

        routes = [route("connect", connect), route("receive", receive), route("read", read)]
        with apply_routes(routes):
            client = WSClient()
            client.send_and_consume("connect")
            client.send_and_consume("receive")
            assert self.result() == {"count": 2, "colour": None}
            client = WSClient()
            client.session["colour"] = "green"
            client.session.save(must_create=True)
            client.send_and_consume("read")
            assert self.result() == {"colour": "green"}

    def test_the_user_of_each_session(self):
        def show(message):
            Channel("result").send({"name": message.user.get_username()})

        @channel_session
        @http_session_user
        def transfer(message):
            transfer_user(message.http_session, message.channel_session)
            show(message)

        routes = [
            route("http", http_session_user(show)),
            route("from.http", channel_session_user_from_http(show)),
            route("both", channel_and_http_session_user_from_http(show)),
            route("transfer", transfer),
            route("channel", channel_session_user(show)),
        ]
        user = User.objects.create_user("ada", password="enigma")
        with apply_routes(routes):
            for channel in ("http", "from.http", "both", "transfer"):
                client = WSClient()
                assert client.login(username="ada", password="enigma")
                client.send_and_consume(channel)
                assert self.result() == {"name": "ada"}, channel
                if channel != "http":
                    client.send_and_consume("channel")
                    assert self.result() == {"name": "ada"}, channel
            client = WSClient()
            client.send_and_consume("channel")
            assert self.result() == {"name": ""}
            client = WSClient()
            client.force_login(user)
            client.send_and_consume("from.http")
            assert self.result() == {"name": "ada"}

    def test_a_client_has_headers_and_cookies(self):
        def show(message):
            headers = {name: str(value) for name, value in message["headers"].items()}
            Channel("result").send(headers)

        with apply_routes([route("show", show)]):
            client = WSClient()
            client.set_header("x-colour", "green")
            client.set_cookie("size", "42")
            client.send_and_consume("show")
            headers = self.result()
        assert headers["x-colour"] == "green" and "size=42" in headers["cookie"]

    # Exceptions and signals

    def test_a_consumer_may_put_its_message_back(self):
        calls = []

        def hesitate(message):
            calls.append(message.get("__retries__", 0))
            if len(calls) < 3:
                raise ConsumeLater

        with apply_routes([route("hesitate", hesitate)]):
            Channel("hesitate").send({})
            self.work(3)
        assert calls == [0, 1, 2]

    def test_exceptions_refuse_and_close_sockets(self):
        def deny(message):
            raise DenyConnection

        def close(message):
            raise WebsocketCloseException(4321)

        # An interface server has replies sent to a channel of this form.
        client = {"reply_channel": "daphne.response.abc!def"}
        routes = [route("websocket.connect", deny), route("websocket.receive", close)]
        with apply_routes(routes):
            for channel, reply in (("connect", {"close": True}), ("receive", {"close": 4321})):
                Channel(f"websocket.{channel}").send(client)
                self.work(1)
                _, content = channel_layers["default"].receive(["daphne.response.abc!"])
                assert content == reply

    @override_settings(ALLOWED_HOSTS=["example.org"])
    def test_only_sockets_of_allowed_hosts_connect(self):
        @allowed_hosts_only
        def accept(message):
            message.reply_channel.send({"accept": True})

        origins = {b"http://example.org": {"accept": True}, b"http://else.org": {"close": True}}
        with apply_routes([route("websocket.connect", accept)]):
            for origin, reply in origins.items():
                content = {"reply_channel": "client", "headers": [[b"origin", origin]]}
                Channel("websocket.connect").send(content)
                self.work(1)
                assert self.result("client") == reply

    def test_signals_of_a_worker(self):
        seen = []

        def note(signal, **kwargs):
            seen.append(signal)

        signals = (worker_ready, consumer_started, consumer_finished)
        for signal in signals:
            signal.connect(note)
            self.addCleanup(signal.disconnect, note)
        with apply_routes([route("square", square)]):
            Channel("square").send({"value": 2})
            self.work(1)
        assert seen == list(signals)

    # HTTP

    def test_a_view_answers(self):
        Channel("http.request").send(
            {"path": "/headers/", "method": "GET", "headers": [[b"x-colour", b"green"]]}
        )
        message = self.get_next_message("http.request", require=True)
        request = AsgiRequest(message)
        assert request.message is message and request.headers["X-Colour"] == "green"
        [part] = AsgiHandler()(message)
        assert part["status"] == 200 and json.loads(part["content"])["X-Colour"] == "green"

    def test_a_view_answers_through_a_worker(self):
        with apply_routes([route("http.request", ViewConsumer())]):
            content = {"path": "/ready/", "method": "GET", "headers": []}
            Channel("http.request").send(content | {"reply_channel": "client"})
            self.work(1)
        assert self.result("client")["content"] == b"ready"

    def test_responses_are_encoded_in_parts(self):
        response = HttpResponse("hello", status=201)
        response.set_cookie("size", "42")
        [part] = AsgiHandler.encode_response(response)
        assert (part["status"], part["content"]) == (201, b"hello")
        assert any(name == b"Set-Cookie" for name, _ in part["headers"])
        parts = list(AsgiHandler.encode_response(StreamingHttpResponse(["one", "two"])))
        assert [part.get("content") for part in parts] == [b"one", b"two", None]
        assert [part["more_content"] for part in parts] == [True, True, False]

    def test_a_view_may_leave_the_response_to_others(self):
        assert AsgiRequest.ResponseLater is ResponseLater
        assert self.request("/later/") == []
        assert self.result("answer.later") == {"reply_channel": "client"}

    def test_a_body_may_arrive_in_parts(self):
        def send(*parts):
            for part in parts:
                Channel("http.body?abc").send(part)
            content = {
                "path": "/",
                "method": "POST",
                "body": b"one,",
                "body_channel": "http.body?abc",
            }
            return Message(content, "http.request", channel_layers["default"])

        message = send({"content": b"two,", "more_content": True}, {"content": b"three"})
        assert AsgiRequest(message).body == b"one,two,three"
        with self.assertRaises(RequestAborted):
            AsgiRequest(send({"closed": True}))

        class Impatient(AsgiRequest):
            body_receive_timeout = -1

        with self.assertRaises(RequestTimeout):
            Impatient(send())

    @modify_settings(INSTALLED_APPS={"append": "django.contrib.staticfiles"})
    @override_settings(STATIC_URL="/static/", DEBUG=True)
    def test_static_files(self):
        with apply_routes([route("http.request", StaticFilesConsumer())]):
            path = "/static/channels/js/websocketbridge.js"
            content = {"path": path, "method": "GET", "headers": []}
            Channel("http.request").send(content | {"reply_channel": "client"})
            self.work(1)
        reply = self.result("client")
        assert reply["status"] == 200 and b"WebSocketBridge" in reply["content"]

    # Delayed messages

    def test_a_delayed_message_is_sent_when_it_is_due(self):
        content = json.dumps({"text": "late"})
        for delay in (-1000, 60_000):
            DelayedMessage(content=content, channel_name="notice.add", delay=delay).save()
        [due] = DelayedMessage.objects.is_due()
        due.send(channel_layers["default"])
        assert self.result("notice.add") == {"text": "late"}
        assert DelayedMessage.objects.count() == 1


class InMemory(PublicNames, ChannelTestCase):
    pass


class Stock(PublicNames, ChannelTestCase):
    backend = "asgi_redis.RedisChannelLayer"


class Ours(PublicNames, ChannelTestCase):
    backend = "channels_realtime.layer.RedisChannelLayer"


@apply_routes([route("square", square)])
class RoutesOfAClass(ChannelTestCase):
    def test_all_tests_of_a_class_have_its_routes(self):
        assert Client().get_consumer_by_channel("square") is square
