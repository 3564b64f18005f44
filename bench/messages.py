"""The message that every broadcast carries: JSON text of an exact size, easy to recognize.

Peers import this in environments of their own: it needs nothing but the standard library.
"""

# A product's own frames (replay, pulse) never begin like this, so the client can tell them apart.
MARK = '{"bench":'
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


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
