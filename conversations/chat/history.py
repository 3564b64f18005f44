"""What a room's members get when they enter or come back."""

import json
from typing import Literal, TypedDict

from django.conf import settings

from conversations.chat.room import chat_stream, position_of
from conversations.models import Mute


class HistoryFrame(TypedDict):
    """The history of a room, or what came after a line.

    Args:
        recovered: whether `frames` are all that came after the line that was named.
        position: from which to ask for more; None for a room without history.
        frames: lines and deletions as they were sent, in their order.
    """

    type: Literal["history"]
    recovered: bool
    position: str | None
    frames: list[dict[str, object]]


def history_frame(room_name: str, after: str) -> HistoryFrame:
    """What came after the line with the id `after`, if the room still has all of it.

    Otherwise the last CHAT_HISTORY lines. Lines of names that are muted now are left out. The
    socket must be in the room's group already, so that it misses nothing.
    """
    found = chat_stream(room_name).history(position_of(after))
    frames = [json.loads(entry.message["text"]) for entry in found.entries]
    muted = set(Mute.objects.filter(room=room_name).values_list("name", flat=True))
    frames = [frame for frame in frames if frame.get("user") not in muted]
    if not found.recovered:
        lines = [place for place, frame in enumerate(frames) if "message" in frame]
        surplus = len(lines) - settings.CHAT_HISTORY
        if surplus > 0:
            frames = frames[lines[surplus - 1] + 1 :]
    return {
        "type": "history",
        "recovered": found.recovered,
        "position": str(found.position) if found.position else None,
        "frames": frames,
    }
