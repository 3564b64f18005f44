"""A chat room's frames and rules, and what the server itself says in it."""

import secrets
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from channels import Group
from channels_realtime.close_codes import NOT_ALLOWED
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from conversations.json_text import encode, too_long
from conversations.models import Mute
from conversations.refusals import Refusal, error_frame
from conversations.rooms.names import group_of, require_room_name

LONGEST_MESSAGE = 1000  # characters; a screen of a phone


def chat_group(room_name: str) -> Group:
    # Not "chat-…": these are the groups of users by initial.
    return group_of("chatroom", room_name)


class ChatFrame(TypedDict):
    """A line of the chat. `id` is what staff send to delete it; `sent` is ISO 8601, UTC."""

    message: str
    user: str
    id: str
    sent: str
    announcement: NotRequired[bool]


def checked(text: str) -> str:
    """The text without white space around it. Raises Refusal if it is empty or too long."""
    text = text.strip()
    if not text:
        raise Refusal("empty", _("The message is empty."))
    if len(text) > LONGEST_MESSAGE:
        raise too_long(LONGEST_MESSAGE)
    return text


def chat_frame(text: str, user: str) -> ChatFrame:
    return {
        "message": text,
        "user": user,
        "id": secrets.token_urlsafe(9),
        "sent": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def send(room_name: str, frame: object) -> None:
    """Send a frame to everybody in the room.

    At once: frames that wait for the end of their consumers could overtake each other.
    """
    chat_group(room_name).send({"text": encode(frame)}, immediately=True)


def announce(room_name: str, text: str) -> ChatFrame:
    """Send an announcement to a room, from anywhere. Returns its frame; raises Refusal."""
    require_room_name(room_name)
    frame = chat_frame(checked(text), "")
    frame["announcement"] = True
    send(room_name, frame)
    return frame


def force_disconnect(room_name: str, code: int = NOT_ALLOWED) -> None:
    """Close every socket in the room, with one of channels_realtime.close_codes.

    Raises Refusal.
    """
    require_room_name(room_name)
    frame = error_frame("closed", _("The moderators have closed this room."))
    message = {"text": encode(frame), "close": code}
    chat_group(room_name).send(message, immediately=True)


def is_muted(room_name: str, name: str) -> bool:
    return Mute.objects.filter(room=room_name, name=name).exists()


def mute(room_name: str, name: str, by: User) -> None:
    Mute.objects.get_or_create(room=room_name, name=name, defaults={"by": by})


def unmute(room_name: str, name: str) -> None:
    Mute.objects.filter(room=room_name, name=name).delete()
