"""Parsing and encoding JSON, with limits for what clients send."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from conversations.refusals import Refusal

LONGEST_FRAME = 65_536  # characters; a chat line has 1,000, a WebRTC offer some 5,000


def encode(value: object) -> str:
    """The value as JSON text. Raises ValueError for NaN and the infinities, which JSON lacks."""
    return json.dumps(
        value, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def parse(text: str | None) -> object:
    """The value of a JSON text; None stands for a binary frame. Raises Refusal."""
    if text is None:
        raise not_json()
    if len(text) > LONGEST_FRAME:
        raise too_long(LONGEST_FRAME)
    try:
        value = json.loads(text)
        # Refuse what cannot be sent on: NaN, and half of a surrogate pair.
        encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        raise not_json() from None
    return value


def not_json() -> Refusal:
    return Refusal("bad_message", _("This is not valid JSON."))


def too_long(most: int) -> Refusal:
    sentence = _("Too long: the limit is %(most)d characters.")
    return Refusal("too_long", sentence % {"most": most}, status=413)


def expected(example: str) -> Refusal:
    """The refusal of a message whose shape is not the example's."""
    return Refusal("bad_message", _("Send JSON: %(example)s.") % {"example": example})
