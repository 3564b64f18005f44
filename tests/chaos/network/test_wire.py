"""Frames are split at their ends, no matter how the bytes arrive."""

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.network.wire import Pieces, frame_length

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
PONG = b"\x8a\x00"


def text_frame(length: int) -> bytes:
    if length < 126:
        return bytes([0x81, length]) + b"x" * length
    if length < 65_536:
        return bytes([0x81, 126]) + length.to_bytes(2, "big") + b"x" * length
    return bytes([0x81, 127]) + length.to_bytes(8, "big") + b"x" * length


def fed(data: bytes, cuts: list[int]) -> list[tuple[bytes, bool]]:
    pieces, start = Pieces(), 0
    found: list[tuple[bytes, bool]] = []
    for end in [*sorted(cuts), len(data)]:
        found += pieces.feed(data[start:end])
        start = max(start, end)
    return found


@given(st.lists(st.integers(0, 60_000), max_size=6))
def test_frames_are_complete_wherever_the_stream_is_split(cuts: list[int]) -> None:
    frames = [text_frame(0), PONG, text_frame(125), text_frame(126), text_frame(70_000)]
    data = HEAD + b"".join(frames)
    assert fed(data, cuts) == [(HEAD, False)] + [(f, f[0] == 0x81) for f in frames]


def test_data_that_is_not_a_websocket_is_not_split() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x81\x02no"
    assert b"".join(piece for piece, _ in fed(data, [5, 50])) == data
    assert not any(is_text for _, is_text in fed(data, [5, 50]))


def test_an_incomplete_header_has_no_length() -> None:
    assert frame_length(b"\x81") is frame_length(b"\x81\x7e\x01") is None
    assert frame_length(text_frame(200)) == 204
