"""Splits the output of an interface server into WebSocket frames (RFC 6455, section 5.2)."""

TEXT = 0x81  # the first byte of a text frame that is a whole message


class Pieces:
    """Bytes in, whole pieces out: first the answer to the handshake, then one frame per piece.

    The data of a connection that does not become a WebSocket is not split.
    """

    def __init__(self) -> None:
        self.buffer = b""
        self.is_websocket: bool | None = None  # None: the handshake is not answered yet

    def feed(self, data: bytes) -> list[tuple[bytes, bool]]:
        """(piece, is a text message) for all complete pieces."""
        self.buffer += data
        found: list[tuple[bytes, bool]] = []
        if self.is_websocket is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return found
            self.is_websocket = self.buffer.split(b" ", 2)[1:2] == [b"101"]
            found.append((self.take(end + 4), False))
        if not self.is_websocket:
            if self.buffer:
                found.append((self.take(len(self.buffer)), False))
            return found
        while (length := frame_length(self.buffer)) and length <= len(self.buffer):
            piece = self.take(length)
            found.append((piece, piece[0] == TEXT))
        return found

    def take(self, length: int) -> bytes:
        piece, self.buffer = self.buffer[:length], self.buffer[length:]
        return piece


def frame_length(data: bytes) -> int | None:
    """The length of the first frame in bytes, including its header; None if it is not known yet.

    The frames of a server are not masked.
    """
    if len(data) < 2:
        return None
    length = data[1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)
    if len(data) < 2 + extra:
        return None
    return 2 + extra + (int.from_bytes(data[2 : 2 + extra], "big") if extra else length)
