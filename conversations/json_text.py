"""JSON from outside, checked, and JSON to outside. Plain values: no socket, no request."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

LONGEST_FRAME = 65_536  # characters; a chat line has 1,000, a WebRTC offer some 5,000


def error_frame(code: str, sentence: str) -> dict:
    """What every refusal says, on a socket or as JSON: `code` to scripts, `message` to people."""
    return {"type": "error", "code": code, "message": sentence}


class BadMessage(Exception):
    """What came in cannot be used: the facts of an error_frame()."""

    def __init__(self, code, sentence):
        super().__init__(code, sentence)
        self.code, self.sentence = code, sentence

    @property
    def frame(self):
        return error_frame(self.code, self.sentence)


def encode(value) -> str:
    """The value as JSON text. Raises ValueError for NaN and the infinities, which JSON lacks."""
    return json.dumps(
        value, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def parse(text: str | None):
    """The value of a JSON text; None stands for a binary frame. Raises BadMessage."""
    if text is not None and len(text) > LONGEST_FRAME:
        raise too_long(LONGEST_FRAME)
    try:
        value = json.loads(text)
        # What came in must be able to go out again: no NaN, no half of a surrogate pair.
        encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        raise BadMessage("bad_message", _("This is not valid JSON.")) from None
    return value


def too_long(most):
    sentence = _("Too long: the limit is %(most)d characters.")
    return BadMessage("too_long", sentence % {"most": most})


def expected(example):
    """The refusal of a message of another shape than the example's."""
    return BadMessage("bad_message", _("Send JSON: %(example)s.") % {"example": example})
