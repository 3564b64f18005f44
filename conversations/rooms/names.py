"""Rooms: which names they may have, and the group of each."""

import hashlib
import re

from channels import Group
from django.utils.translation import gettext as _

from conversations.json_text import BadMessage

LONGEST_NAME = 64  # characters; it stands in an address and in a heading


def is_room_name(name: str) -> bool:
    """Letters and digits of any script, hyphens, underscores and dots; not dots alone."""
    return bool(re.fullmatch(rf"(?=.*\w)[\w.-]{{1,{LONGEST_NAME}}}", name))


def bad_room() -> BadMessage:
    sentence = _("A room name has 1 to %(most)d letters, digits, hyphens, underscores or dots.")
    return BadMessage("bad_room", sentence % {"most": LONGEST_NAME})


def group_of(kind: str, name: str) -> Group:
    """The group of a room. Group names are ASCII: a name that is not becomes its hash.

    `kind` holds no dot, so that the two forms cannot meet.
    """
    if name.isascii():
        return Group(f"{kind}-{name}")
    return Group(f"{kind}.{hashlib.sha256(name.encode()).hexdigest()[:32]}")
