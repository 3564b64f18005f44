"""What a client does after a close."""

import pytest
from channels_realtime import close_codes
from channels_realtime.close_codes import RANGES, Duty, duty_of


@pytest.mark.parametrize(
    ("code", "duty"),
    [
        (1000, Duty.RECONNECT),
        (1006, Duty.RECONNECT),
        (close_codes.TOO_BIG, Duty.RECONNECT),
        (close_codes.GOING_DOWN, Duty.RECONNECT),
        (close_codes.TRY_AGAIN_LATER, Duty.LATER),
        (close_codes.NOT_LOGGED_IN, Duty.STOP),
        (close_codes.NOT_ALLOWED, Duty.STOP),
        (close_codes.NOT_FOUND, Duty.STOP),
        (close_codes.ENDED, Duty.FINISH),
        (close_codes.FLOOD, Duty.LATER),
        (4500, Duty.RECONNECT),
    ],
)
def test_every_code_has_one_duty(code: int, duty: Duty) -> None:
    assert duty_of(code) is duty


def test_the_ranges_do_not_overlap() -> None:
    ordered = sorted(RANGES)
    assert all(a.last < b.first for a, b in zip(ordered, ordered[1:], strict=False))
