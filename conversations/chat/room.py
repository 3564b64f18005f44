"""A chat room's frames and rules, and what the server itself says in it."""

import secrets
from datetime import UTC, datetime

from channels_realtime.close_codes import NOT_ALLOWED
from django.utils.translation import gettext as _

from conversations.json_text import BadMessage, encode, error_frame, too_long
from conversations.models import Mute
from conversations.rooms.names import bad_room, group_of, is_room_name

LONGEST_MESSAGE = 1000  # characters; a screen of a phone


def chat_group(room_name):
    # Not "chat-…": users by initial have those.
    return group_of("chatroom", room_name)


def checked(text: str) -> str:
    """The text as it may be said. Raises BadMessage."""
    text = text.strip()
    if not text:
        raise BadMessage("empty", _("The message is empty."))
    if len(text) > LONGEST_MESSAGE:
        raise too_long(LONGEST_MESSAGE)
    return text


def chat_frame(text: str, user: str) -> dict:
    """What everybody in the room gets. The id is all that is needed to delete it again."""
    return {
        "message": text,
        "user": user,
        "id": secrets.token_urlsafe(9),
        "sent": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def send(room_name, frame):
    """To everybody in the room, at once: a consumer's pending sends could overtake each other."""
    chat_group(room_name).send({"text": encode(frame)}, immediately=True)


def announce(room_name: str, text: str) -> dict:
    """Say something in a room, from anywhere. Returns the frame; raises BadMessage."""
    if not is_room_name(room_name):
        raise bad_room()
    frame = chat_frame(checked(text), "") | {"announcement": True}
    send(room_name, frame)
    return frame


def force_disconnect(room_name: str, code: int = NOT_ALLOWED) -> None:
    """Close every socket in the room, with one of channels_realtime.close_codes."""
    if not is_room_name(room_name):
        raise bad_room()
    frame = error_frame("closed", _("The moderators have closed this room."))
    message = {"text": encode(frame), "close": code}
    chat_group(room_name).send(message, immediately=True)


def is_muted(room_name, name) -> bool:
    return Mute.objects.filter(room=room_name, name=name).exists()


def mute(room_name, name, by):
    Mute.objects.get_or_create(room=room_name, name=name, defaults={"by": by})


def unmute(room_name, name):
    Mute.objects.filter(room=room_name, name=name).delete()
