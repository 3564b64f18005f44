"""Rooms whose messages all have one shape: {"msg": …, "code": …, "data": …}."""

from typing import TypedDict

from channels import Group
from django.core import serializers
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from conversations.json_text import LONGEST_FRAME, encode, too_long
from conversations.refusals import Refusal
from conversations.rooms.names import group_of, require_room_name


class Envelope(TypedDict):
    """`code` is 200 or an HTTP status; `msg` the sentence that explains it."""

    msg: str
    code: int
    data: object


def envelope(data: object, msg: str = "success", code: int = 200) -> Envelope:
    return {"msg": msg, "code": code, "data": data}


def push(room_name: str, data: object, msg: str = "success", code: int = 200) -> Envelope:
    """Send data to everybody in the room, from anywhere. Returns the envelope that was sent.

    Model instances, lists and querysets of them are serialised by Django with all fields: choose
    with `.values("…")` what may be seen. Other data must be what JSON and Django's encoder can
    write. Raises Refusal, and sends nothing then.
    """
    require_room_name(room_name)
    sent = envelope(serialised(data), msg, code)
    try:
        text = encode(sent)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        sentence = _("The data cannot be encoded as JSON: %(error)s.") % {"error": error}
        raise Refusal("bad_message", sentence) from error
    if len(text) > LONGEST_FRAME:
        raise too_long(LONGEST_FRAME)
    send(room_name, text)
    return sent


def send(room_name: str, text: str) -> None:
    envelope_group(room_name).send({"text": text}, immediately=True)


def envelope_group(room_name: str) -> Group:
    return group_of("heartbeat", room_name)


def serialised(data: object) -> object:
    """Rows as Django's serialisers write them; other values as they are."""
    if isinstance(data, Model):
        return serializers.serialize("python", [data])[0]
    if isinstance(data, QuerySet):
        data = list(data)
    if isinstance(data, list | tuple) and data and all(isinstance(row, Model) for row in data):
        return serializers.serialize("python", data)
    return data
