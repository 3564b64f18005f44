"""WebSocket close codes, and what each of them requires of the client.

Codes from 4000 belong to the application (RFC 6455, section 7.4.2). Ours are 4000 plus the HTTP
status with the same meaning. The ranges are part of the protocol: a client acts on the range, so it
handles codes that were added after it was written.
"""

from enum import StrEnum
from typing import Final, NamedTuple

TOO_BIG: Final = 1009  # autobahn closes a message over the limit
GOING_DOWN: Final = 1012  # the server restarts
TRY_AGAIN_LATER: Final = 1013  # overload
NOT_LOGGED_IN: Final = 4401
NOT_ALLOWED: Final = 4403
NOT_FOUND: Final = 4404
ENDED: Final = 4410  # the coverage has ended
FLOOD: Final = 4429  # too many messages


class Duty(StrEnum):
    """What a client does after a close."""

    STOP = "stop"  # do not reconnect with this path and these credentials
    FINISH = "finish"  # do not reconnect; fetch what is missing over HTTP
    LATER = "later"  # reconnect after a longer delay
    RECONNECT = "reconnect"  # reconnect after a random delay that grows with each failure


class CloseCodeRange(NamedTuple):
    """Codes from `first` to `last`, both included."""

    first: int
    last: int
    duty: Duty


# A code outside of all ranges, 1006 (connection lost) among them, means RECONNECT.
RANGES: Final = (
    CloseCodeRange(4400, 4409, Duty.STOP),
    CloseCodeRange(4410, 4419, Duty.FINISH),
    CloseCodeRange(4420, 4499, Duty.LATER),
    CloseCodeRange(TRY_AGAIN_LATER, TRY_AGAIN_LATER, Duty.LATER),
)


def duty_of(code: int) -> Duty:
    """What a client does after a close with this code."""
    for first, last, duty in RANGES:
        if first <= code <= last:
            return duty
    return Duty.RECONNECT
