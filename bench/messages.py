"""The message that every broadcast carries: JSON text of an exact size, easy to recognize.

With the frames of RFC 6455 that carry it. Peers import this in environments of their own: it needs
nothing but the standard library.
"""

import os
from typing import NamedTuple

# A product's own frames (replay, pulse) never begin like this, so the client can tell them apart.
MARK = '{"bench":'
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
MASK = os.urandom(4)


class Payload(NamedTuple):
    """A text frame's payload: where it starts in the data, and its length, if it is known."""

    start: int
    length: int | None


def payload(sequence: int, size: int) -> str:
    """The text of broadcast number `sequence`, exactly `size` ASCII bytes (at least 40)."""
    head = f'{MARK}{sequence:010d},"text":"'
    text = head + "x" * (size - len(head) - 2) + '"}'
    if len(text) != size:
        raise ValueError(f"a benchmark message has at least 40 bytes, not {size}")
    return text


def frame_header(size: int) -> bytes:
    """The header of an unmasked, final text frame of `size` bytes (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65536:
        return bytes((0x81, 126)) + size.to_bytes(2, "big")
    return bytes((0x81, 127)) + size.to_bytes(8, "big")


def frame_prefix(size: int) -> bytes:
    """The first bytes of a server's frame that carries a `payload` of `size` bytes."""
    return frame_header(size) + MARK.encode()


def read_header(data: bytes, position: int) -> Payload:
    """The payload of the unmasked frame that begins at `position`."""
    available = len(data) - position
    if available < 2:
        return Payload(position, None)
    length = data[position + 1]
    if length < 126:
        return Payload(position + 2, length)
    width = 2 if length == 126 else 8
    start = position + 2 + width
    if available < 2 + width:
        return Payload(position, None)
    return Payload(start, int.from_bytes(data[position + 2 : start], "big"))


def client_frame(opcode: int, payload: bytes) -> bytes:
    """A final frame from client to server, masked (RFC 6455, section 5.3)."""
    length = len(payload)
    if length < 126:
        header = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        header = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    return header + MASK + bytes(byte ^ MASK[index & 3] for index, byte in enumerate(payload))
