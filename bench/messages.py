"""The message that every broadcast carries: JSON text of an exact size, easy to recognize."""

# A product's own frames (replay, pulse) never begin like this, so the client can tell them apart.
MARK = '{"bench":'


def payload(sequence, size):
    """The text of broadcast number `sequence`, exactly `size` ASCII bytes (at least 40)."""
    head = f'{MARK}{sequence:010d},"text":"'
    text = head + "x" * (size - len(head) - 2) + '"}'
    if len(text) != size:
        raise ValueError(f"a benchmark message has at least 40 bytes, not {size}")
    return text


def frame_header(size):
    """The header of an unmasked, final text frame of `size` payload bytes (RFC 6455 §5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65536:
        return bytes((0x81, 126)) + size.to_bytes(2, "big")
    return bytes((0x81, 127)) + size.to_bytes(8, "big")


def frame_prefix(size):
    """The first bytes of a server's frame that carries a `payload` of `size` bytes."""
    return frame_header(size) + MARK.encode()
