"""Every delivery is counted, whatever pieces the bytes come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import messages
from bench.client.frames import CLOSE, PING, FrameCounter, client_frame, read_header

SIZE = 300


def counter(size=SIZE):
    return FrameCounter(messages.frame_prefix(size), len(messages.frame_header(size)) + size)


def server_frame(payload, opcode=0x1):
    header = messages.frame_header(len(payload))
    return bytes((0x80 | opcode,)) + header[1:] + payload


def expected_frame(sequence=1, size=SIZE):
    return server_frame(messages.payload(sequence, size).encode())


def test_a_whole_frame_counts_once():
    frames = counter()
    assert frames.receive_data(expected_frame()) == 1
    assert (frames.expected, frames.others, frames.rest) == (1, 0, b"")


@pytest.mark.parametrize("size", [64, 125, 126, 300, 65535, 65536])
def test_every_length_encoding_is_understood(size):
    frames = counter(size)
    assert frames.receive_data(expected_frame(size=size) * 3) == 3


def test_a_frame_that_comes_byte_by_byte_counts_at_its_last_byte():
    frames = counter()
    counts = [frames.receive_data(bytes((byte,))) for byte in expected_frame()]
    assert counts == [0] * (len(counts) - 1) + [1]


def test_other_data_frames_are_kept_apart():
    frames = counter()
    pulse = server_frame(b'{"type":"pulse","revision":7}')
    other_of_the_same_size = server_frame(b"y" * SIZE)
    assert frames.receive_data(pulse + expected_frame() + other_of_the_same_size) == 1
    assert (frames.expected, frames.others) == (1, 2)


def test_control_frames_wait_for_their_answer():
    frames = counter()
    frames.receive_data(server_frame(b"are you there", PING) + server_frame(b"\x03\xe8", CLOSE))
    assert frames.control == [(PING, b"are you there"), (CLOSE, b"\x03\xe8")]
    assert (frames.expected, frames.others) == (0, 0)


@given(
    kinds=st.lists(st.sampled_from(("expected", "pulse", "ping", "empty", "long")), max_size=12),
    cuts=st.lists(st.integers(min_value=1, max_value=400), max_size=60),
)
def test_the_counts_do_not_depend_on_how_the_stream_is_cut(kinds, cuts):
    built = {
        "expected": expected_frame(),
        "pulse": server_frame(b'{"type":"pulse"}'),
        "ping": server_frame(b"p", PING),
        "empty": server_frame(b""),
        "long": server_frame(b"z" * 70_000, 0x2),
    }
    stream = b"".join(built[kind] for kind in kinds)
    frames, position, counted = counter(), 0, 0
    for cut in [*cuts, len(stream)]:
        counted += frames.receive_data(stream[position : position + cut])
        position += cut
    assert counted == frames.expected == kinds.count("expected")
    assert frames.others == sum(kind in ("pulse", "empty", "long") for kind in kinds)
    assert len(frames.control) == kinds.count("ping")
    assert frames.bytes == len(stream)
    assert frames.rest == b""


def test_a_header_that_is_not_all_there_has_no_length():
    assert read_header(b"\x81", 0) == (0, None)
    assert read_header(b"\x81\x7e\x01", 0) == (0, None)
    assert read_header(b"\x81\x7e\x01\x2c", 0) == (4, 300)
    assert read_header(b"..\x81\x05", 2) == (4, 5)


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_client_frames_are_masked_and_tell_their_length(size):
    payload, mask = b"a" * size, b"\x01\x02\x03\x04"
    frame = client_frame(0x1, payload, mask)
    start, length = read_header(bytes((frame[0], frame[1] & 0x7F)) + frame[2:], 0)
    assert frame[0] == 0x81 and frame[1] & 0x80
    assert length == size
    assert frame[start : start + 4] == mask
    masked = frame[start + 4 :]
    assert bytes(byte ^ mask[i & 3] for i, byte in enumerate(masked)) == payload
