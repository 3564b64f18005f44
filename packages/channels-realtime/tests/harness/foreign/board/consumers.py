"""Each style of consumer that Channels 1.x knows."""

import multiprocessing

from channels import Channel, Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.exceptions import WebsocketCloseException
from channels.generic.websockets import JsonWebsocketConsumer, WebsocketConsumer
from channels.handler import AsgiHandler
from channels.sessions import channel_session, enforce_ordering
from django.http import HttpResponse

from board.models import Notice


class Echo(WebsocketConsumer):
    def receive(self, text=None, bytes=None):
        self.send(text=text, bytes=bytes)


class WhoAmI(JsonWebsocketConsumer):
    http_user = True

    def receive(self, content):
        self.send({"user": self.message.user.get_username(), "asked": content["ask"]})


class Counter(JsonWebsocketConsumer):
    """Messages one after another, however many workers there are."""

    strict_ordering = True
    channel_session = True

    def receive(self, content):
        session = self.message.channel_session
        session["sum"] = session.get("sum", 0) * 10 + content["digit"]
        self.send({"sum": session["sum"]})


@enforce_ordering
@channel_session
def numbered_connect(message):
    message.channel_session["seen"] = "connect"
    message.reply_channel.send({"accept": True})


@enforce_ordering
@channel_session
def numbered_receive(message):
    message.channel_session["seen"] += "," + message["text"]
    message.reply_channel.send({"text": message.channel_session["seen"]})


@channel_session
def kept_connect(message):
    message.channel_session["values"] = {"big": 2**70, "map": {1: "one"}, "pair": (1, 2)}
    message.reply_channel.send({"accept": True})


@channel_session
def kept_receive(message):
    message.reply_channel.send({"text": repr(message.channel_session["values"])})


def greet(message):
    """Accepts by a message to a group, as Channels 1.x allows."""
    Group("greeted").add(message.reply_channel)
    Group("greeted").send({"text": "somebody joined"})


@channel_session_user_from_http
def room_connect(message, room):
    message.channel_session["room"] = room
    Group("room-" + room).add(message.reply_channel)
    message.reply_channel.send({"accept": True})


@channel_session_user
def room_receive(message, room):
    assert message.channel_session["room"] == room
    name = message.user.get_username() or "somebody"
    Group("room-" + room).send({"text": name + ": " + message["text"]})


@channel_session_user
def room_disconnect(message, room):
    group = Group("room-" + room)
    group.discard(message.reply_channel)
    group.send({"text": (message.user.get_username() or "somebody") + " left"})


def refuse(message):
    message.reply_channel.send({"accept": False})


def speak_and_close(message):
    message.reply_channel.send({"accept": True, "text": "", "close": 4321})


def accept(message):
    message.reply_channel.send({"accept": True})


def close_by_exception(message):
    raise WebsocketCloseException(4321)


def say(channel, text):
    Channel(channel).send({"text": text}, immediately=True)


def answer_from_a_process(message):
    """Forks, as projects do that have no task queue."""
    channel, text = message.reply_channel.name, message["text"]
    job = multiprocessing.get_context("fork").Process(target=say, args=(channel, f"{text}, forked"))
    job.start()
    job.join()
    message.reply_channel.send({"text": text})


def answer_in_parts(message):
    """A consumer of http.request that needs no view."""
    message.reply_channel.send(
        {
            "status": 200,
            "headers": [(b"Content-Type", b"text/plain")],
            "content": b"one,",
            "more_content": True,
        }
    )
    message.reply_channel.send({"content": b"two,", "more_content": True})
    message.reply_channel.send({"content": message.content["body"]})


def wait_for_news(message):
    """A long poll: the response comes through a group, once there is news."""
    Group("news").add(message.reply_channel)


def publish_news(message):
    Group("news").send({"status": 200, "headers": [], "content": message.content["body"]})
    message.reply_channel.send({"status": 204, "headers": [], "content": b""})


def add_notice(message):
    Notice.objects.create(text=message["text"])


def answer_later(message):
    """The response to a request whose view has raised ResponseLater."""
    for part in AsgiHandler.encode_response(HttpResponse("later")):
        message.reply_channel.send(part)
