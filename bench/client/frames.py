"""Counts the frames of a server's byte stream (RFC 6455 §5.2), whatever pieces it comes in."""

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class FrameCounter:
    """Bytes in, counts out; holds at most one incomplete frame.

    A frame counts as expected when it starts with `prefix` (its header included) and is `size`
    bytes long in all; any other data frame counts in `others`. Control frames wait in `control`
    as (opcode, payload) until the caller takes them.
    """

    __slots__ = ("prefix", "size", "expected", "others", "bytes", "control", "rest")

    def __init__(self, prefix, size):
        self.prefix = prefix
        self.size = size
        self.expected = 0
        self.others = 0
        self.bytes = 0
        self.control = []
        self.rest = b""

    def receive_data(self, data):
        """Count the frames that `data` completes; return how many of them were expected."""
        self.bytes += len(data)
        if self.rest:
            data = self.rest + data
        position, end = 0, len(data)
        prefix, size, count = self.prefix, self.size, 0
        while position < end:
            if data.startswith(prefix, position):
                if end - position < size:
                    break
                position += size
                count += 1
            else:
                frame_end = self._receive_other(data, position)
                if frame_end is None:
                    break
                position = frame_end
        self.rest = data[position:]
        self.expected += count
        return count

    def _receive_other(self, data, position):
        """Take the frame that starts at `position`; return its end, None when incomplete."""
        start, length = read_header(data, position)
        if length is None or start + length > len(data):
            return None
        opcode = data[position] & 0x0F
        if opcode & 0x8:
            self.control.append((opcode, data[start : start + length]))
        else:
            self.others += 1
        return start + length


def read_header(data, position):
    """Return (where the payload starts, its length) of an unmasked frame; length None: unknown."""
    available = len(data) - position
    if available < 2:
        return position, None
    length = data[position + 1]
    if length < 126:
        return position + 2, length
    width = 2 if length == 126 else 8
    if available < 2 + width:
        return position, None
    start = position + 2 + width
    return start, int.from_bytes(data[position + 2 : start], "big")


def client_frame(opcode, payload, mask):
    """A final frame from client to server, masked with the 4 bytes `mask` (RFC 6455 §5.3)."""
    length = len(payload)
    if length < 126:
        header = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        header = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    masked = bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))
    return header + mask + masked
