"""Rooms whose every message has one shape: {"msg": …, "code": …, "data": …}."""

from django.core import serializers
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from conversations.json_text import LONGEST_FRAME, BadMessage, encode, too_long
from conversations.rooms.names import bad_room, group_of, is_room_name


def envelope(data, msg="success", code=200) -> dict:
    return {"msg": msg, "code": code, "data": data}


def push(room_name: str, data, msg: str = "success", code: int = 200) -> dict:
    """Send data to everybody in the room, from anywhere. Returns the envelope that went out.

    Model instances, lists and querysets of them go through Django's serialisers, all fields of
    them: choose with `.values("…")` what may be seen. Anything else is what JSON and Django's
    encoder can write. Raises BadMessage, and changes nothing then.
    """
    if not is_room_name(room_name):
        raise bad_room()
    sent = envelope(plain(data), msg, code)
    try:
        text = encode(sent)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        sentence = _("The data cannot be encoded as JSON: %(error)s.") % {"error": error}
        raise BadMessage("bad_message", sentence) from error
    if len(text) > LONGEST_FRAME:
        raise too_long(LONGEST_FRAME)
    send(room_name, text)
    return sent


def send(room_name, text):
    envelope_group(room_name).send({"text": text}, immediately=True)


def envelope_group(room_name):
    return group_of("heartbeat", room_name)


def plain(data):
    """Rows as Django's serialisers write them; other values as they are."""
    if isinstance(data, Model):
        return serializers.serialize("python", [data])[0]
    if isinstance(data, QuerySet):
        data = list(data)
    if isinstance(data, list | tuple) and data and all(isinstance(row, Model) for row in data):
        return serializers.serialize("python", data)
    return data
