"""Encoding frames from server to client (RFC 6455, section 5.2): unmasked, unfragmented."""

import struct
from collections.abc import Mapping
from typing import Any

TEXT, BINARY = 0x81, 0x82  # FIN set, and the opcode
CONTINUATION = 0  # the opcode of a message's later frames
PING = b"\x89\x00"  # a whole frame; one without a payload is answered by the shortest pong
PONG = b"\x8a\x80"  # how a client begins it (section 5.5.3): masked, without a payload
PONG_LENGTH = 6  # bytes, the mask included


def encode_frame(first_byte: int, payload: bytes) -> bytes:
    """One whole message as one frame."""
    length = len(payload)
    if length < 126:
        return bytes((first_byte, length)) + payload
    if length < 1 << 16:
        return struct.pack(">BBH", first_byte, 126, length) + payload
    return struct.pack(">BBQ", first_byte, 127, length) + payload


def encode_message(message: Mapping[str, Any]) -> bytes | None:
    """The frame of an ASGI reply that has only `text` or only `bytes`; None for any other.

    An empty text is a message too: the key decides, not its truth.
    """
    if len(message) == 1:
        if isinstance(text := message.get("text"), str):
            return encode_frame(TEXT, text.encode())
        if isinstance(payload := message.get("bytes"), bytes):
            return encode_frame(BINARY, payload)
    return None
