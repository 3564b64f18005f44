"""Consumers that do what their client says, so that a test can bring about any failure."""

import json
import os
import re
import time

from channels import Channel, Group
from channels.sessions import channel_session
from channels_realtime.sharing import share_reply
from django.conf import settings

from small import book

if settings.OURS:
    from channels.sessions import enforce_ordering
else:
    from small.stock import enforce_ordering


kept = []


def tool_connect(message):
    message.reply_channel.send({"accept": True})


def group_connect(message, name):
    Group(name).add(message.reply_channel)
    message.reply_channel.send({"accept": True})


def write_run(message, name):
    """Join the group; returns a reply that tells what news there is."""
    cookies = [value.decode() for header, value in message["headers"] if header == b"cookie"]
    book.write("runs", " ".join(cookies))
    Group(name).add(message.reply_channel)
    return {"accept": True, "text": book.text("news")}


def shared_connect(message, name):
    """The reply is another one for each user."""
    message.reply_channel.send(share_reply(message, write_run(message, name), name))


def public_connect(message, name):
    """The reply is the same for everybody."""
    message.reply_channel.send(share_reply(message, write_run(message, name), name, vary=()))


def unshared_connect(message, name):
    message.reply_channel.send(write_run(message, name))


@channel_session
def remembering_connect(message, name):
    message.channel_session["name"] = name
    public_connect(message, name)


def two_groups_connect(message, name):
    Group(f"{name}-more").add(message.reply_channel)
    public_connect(message, name)


def tool_receive(message):
    """Bytes and unknown texts are echoed; a known text is a command."""
    if "bytes" in message.content and message.content["bytes"] is not None:
        message.reply_channel.send({"bytes": message.content["bytes"]})
        return
    command = COMMANDS.get(message.content["text"])
    message.reply_channel.send({"text": command(message) if command else message.content["text"]})


def tell_pid(message):
    return str(os.getpid())


def tell_name(message):
    return message.reply_channel.name


def hold(message):
    book.write("held", message.reply_channel.name)
    book.wait_at_gate("hold")
    return "released"


def stick(message):
    """A pattern that backtracks for years, in C code that never lets another thread run."""
    re.match(r"(a+)+b", "a" * 60)


def stick_in_python(message):
    while True:
        time.sleep(0.1)


def grow(message):
    """Keeps 300 MiB for good."""
    kept.append(bytearray(b"x") * (300 << 20))
    return "grown by 300 MiB"


def leave(message):
    raise SystemExit(1)


def fail(message):
    raise RuntimeError("asked to fail")


def answer_and_fail(message):
    message.reply_channel.send({"text": "answered"})
    fail(message)


COMMANDS = {
    "pid": tell_pid,
    "name": tell_name,
    "hold": hold,
    "stick": stick,
    "stick in python": stick_in_python,
    "grow": grow,
    "leave": leave,
    "fail": fail,
    "answer and fail": answer_and_fail,
}


def write_disconnect(message):
    book.write("disconnects", message.reply_channel.name)


@channel_session
def fail_at_disconnect(message):
    fail(message)


def undecided_connect(message):
    """Neither accepts nor refuses."""
    book.write("undecided", message.reply_channel.name)


@enforce_ordering
def ordered_connect(message):
    message.reply_channel.send({"accept": True})


@enforce_ordering
def eager_connect(message):
    """The socket is open before the connect is through."""
    message.reply_channel.send({"accept": True}, immediately=True)
    book.write("held", message.reply_channel.name)
    book.wait_at_gate("hold")


@enforce_ordering
def accept_and_fail(message):
    message.reply_channel.send({"accept": True})
    fail(message)


@enforce_ordering
def ordered_receive(message):
    tool_receive(message)


@channel_session
def session_connect(message):
    message.channel_session["count"] = 0
    headers = [(name.decode(), value.decode("latin1")) for name, value in message["headers"]]
    message.channel_session["headers"] = headers
    message.reply_channel.send({"accept": True})


@channel_session
def session_receive(message):
    """`headers`: those of the handshake as JSON; anything else: how many messages there were."""
    message.channel_session["count"] += 1
    name = "headers" if message["text"] == "headers" else "count"
    message.reply_channel.send({"text": json.dumps(message.channel_session[name])})


@channel_session
def session_disconnect(message):
    book.write("sessions", message.channel_session["count"])


def endless_response(message):
    """The first half of a response whose rest never comes."""
    message.reply_channel.send(
        {"status": 200, "headers": [], "content": b"half", "more_content": True}
    )


def held_response(message):
    book.write("held", "http")
    book.wait_at_gate("hold")
    message.reply_channel.send({"status": 200, "headers": [], "content": b"released"})


def write_number(message):
    book.write("numbers", message["number"])
    Channel("answers").send({"number": message["number"]})


def careful(message):
    """Holds an acknowledged message at the gate; `fail` makes it fail."""
    book.write("taken", message["number"])
    if message.get("fail"):
        fail(message)
    book.wait_at_gate("hold")
    book.write("done", message["number"])
