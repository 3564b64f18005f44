"""How long a consumer may take: CONSUMER_TIMEOUT, such as `60` or `60,mail.send=300,http.*=30`."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from django.conf import settings

DEFAULT = 60.0  # s; a client that waits for its answer has given up long before
ALLOWED = (
    "seconds (0 for no limit, otherwise at least 1), also by channel: 60,mail.send=300,http.*=30"
)


@dataclass(frozen=True)
class ConsumerTimeouts:
    """`default` in seconds; `channels`: name or pattern -> seconds, the first match counts.

    0 seconds: no limit.
    """

    default: float = DEFAULT
    channels: Mapping[str, float] = field(default_factory=dict)

    def of(self, channel: str) -> float:
        for pattern, seconds in self.channels.items():
            if fnmatchcase(channel, pattern):
                return seconds
        return self.default


UNLIMITED = ConsumerTimeouts(default=0)


def parse(text: str) -> ConsumerTimeouts:
    """The timeouts that the text describes. Raises ValueError."""
    default: float | None = None
    channels: dict[str, float] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        pattern, sign, number = word.rpartition("=")
        if not sign and default is None:
            default = parse_seconds(number)
        elif sign and pattern and pattern not in channels:
            channels[pattern] = parse_seconds(number)
        else:
            raise ValueError(word)
    return ConsumerTimeouts(DEFAULT if default is None else default, channels)


def parse_seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or 0 < float(text) < 1:
        raise ValueError(text)
    return float(text)


def configured() -> ConsumerTimeouts:
    """Django's setting CONSUMER_TIMEOUT, otherwise the environment variable.

    The setting may be a number, text in the variable's syntax, or ConsumerTimeouts. Raises
    ValueError with a sentence.
    """
    value = getattr(settings, "CONSUMER_TIMEOUT", None)
    if value is None:
        value = os.environ.get("CONSUMER_TIMEOUT") or DEFAULT
    if isinstance(value, ConsumerTimeouts):
        return value
    try:
        return parse(str(value))
    except ValueError:
        raise ValueError(
            f"CONSUMER_TIMEOUT={value!r} is not allowed: CONSUMER_TIMEOUT is {ALLOWED}."
        ) from None
