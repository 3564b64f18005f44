"""A chat room's frames and rules, and what the server itself says in it."""

from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from channels import Group
from channels_realtime.close_codes import NOT_ALLOWED
from channels_realtime.streams import Position, Stream
from django.conf import settings
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


def chat_stream(room_name: str) -> Stream:
    """The group with its history: lines, and deletions, which leave as many lines to be shown."""
    size, age = 2 * settings.CHAT_HISTORY, 3600 * settings.CHAT_RETENTION
    return Stream(chat_group(room_name).name, size, age)


class Line(TypedDict):
    """A line of the chat before it is sent. `sent` is ISO 8601, UTC."""

    message: str
    user: str
    sent: str
    announcement: NotRequired[bool]


class ChatFrame(Line):
    """A line of the chat. `id` is its position in the room's stream; staff send it to delete it."""

    id: str


def checked(text: str) -> str:
    """The text without white space around it. Raises Refusal if it is empty or too long."""
    text = text.strip()
    if not text:
        raise Refusal("empty", _("The message is empty."))
    if len(text) > LONGEST_MESSAGE:
        raise too_long(LONGEST_MESSAGE)
    return text


def new_line(text: str, user: str) -> Line:
    return {
        "message": text,
        "user": user,
        "sent": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def send(room_name: str, line: Line) -> ChatFrame:
    """Send a line to everybody in the room, and append it to the history. Returns its frame."""
    position = chat_stream(room_name).send({"text": encode(line)}, key="id")
    return {**line, "id": str(position)}


def delete(room_name: str, line_id: str) -> None:
    """Remove a line from the pages in the room and from the history.

    The deletion is part of the history: pages that are offline now remove the line later.
    """
    text = encode({"type": "delete", "id": line_id})
    chat_stream(room_name).send({"text": text}, key=None, remove=position_of(line_id))


def position_of(line_id: str) -> Position | None:
    """The position of a line; None for an id that no line can have."""
    try:
        return Position.parse(line_id)
    except ValueError:
        return None


def announce(room_name: str, text: str) -> ChatFrame:
    """Send an announcement to a room, from anywhere. Returns its frame; raises Refusal."""
    require_room_name(room_name)
    line = new_line(checked(text), "")
    line["announcement"] = True
    return send(room_name, line)


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
