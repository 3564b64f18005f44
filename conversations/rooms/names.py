"""Rooms: which names they may have, and the group of each."""

import hashlib
import re

from channels import Group
from channels_realtime.close_codes import NOT_FOUND
from django.utils.translation import gettext as _

from conversations.refusals import Refusal

LONGEST_NAME = 64  # characters; it stands in an address and in a heading


def is_room_name(name: str) -> bool:
    """Letters and digits of any script, hyphens, underscores and dots; not dots alone."""
    return bool(re.fullmatch(rf"(?=.*\w)[\w.-]{{1,{LONGEST_NAME}}}", name))


def require_room_name(name: str) -> None:
    """Raise Refusal unless it is a room's name."""
    if not is_room_name(name):
        raise bad_room()


def bad_room() -> Refusal:
    sentence = _("A room name has 1 to %(most)d letters, digits, hyphens, underscores or dots.")
    return Refusal("bad_room", sentence % {"most": LONGEST_NAME}, 404, NOT_FOUND)


def group_of(kind: str, name: str) -> Group:
    """The group of a room. Group names are ASCII: a name that is not becomes its hash.

    `kind` holds no dot, so that the two forms cannot be equal.
    """
    if name.isascii():
        return Group(f"{kind}-{name}")
    return Group(f"{kind}.{hashlib.sha256(name.encode()).hexdigest()[:32]}")
