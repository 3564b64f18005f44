"""The benchmark's messages have an exact size and a mark that a product's frames have not."""

import json

import pytest

from bench import messages


@pytest.mark.parametrize("size", [40, 64, 300, 5000])
def test_a_payload_is_json_of_the_asked_size(size: int) -> None:
    text = messages.payload(12, size)
    assert len(text.encode()) == size
    assert text.startswith(messages.MARK)
    assert set(json.loads(text.replace("0000000012", "12"))) == {"bench", "text"}


def test_a_payload_too_small_for_its_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 40 bytes, not 10"):
        messages.payload(1, 10)
