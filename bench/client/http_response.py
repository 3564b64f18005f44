"""Reads HTTP/1.1 responses (RFC 9112) out of a byte stream: bytes in, statuses out."""


class ResponseReader:
    """Takes one response at a time; `keep_alive` tells whether the connection may be used again."""

    def __init__(self):
        self.keep_alive = True
        self.buffer = b""

    def receive_data(self, data):
        """Return the status (int) once a whole response is there, None before."""
        self.buffer += data
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        head = self.buffer[:head_end].lower()
        end = body_end(head, self.buffer, head_end + 4)
        if end is None:
            return None
        self.keep_alive = b"\r\nconnection: close" not in head
        status = int(head[9:12])
        self.buffer = self.buffer[end:]
        return status


def body_end(head, data, start):
    """Where the body that begins at `start` ends, None when it is not all there.

    `head` is in lower case. A body that only the connection's end delimits is not understood:
    no server here sends one on a connection that it keeps.
    """
    if b"\r\ntransfer-encoding: chunked" in head:
        return chunks_end(data, start)
    field = head.find(b"\r\ncontent-length:")
    if field < 0:
        return start
    line_end = head.find(b"\r\n", field + 2)
    length = int(head[field + 17 : line_end if line_end >= 0 else None])
    return start + length if len(data) >= start + length else None


def chunks_end(data, position):
    """Where a chunked body (RFC 9112 §7.1) without trailers ends, None when incomplete."""
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None
        size = int(data[position:line_end].split(b";")[0], 16)
        position = line_end + 2 + size + 2
        if position > len(data):
            return None
        if size == 0:
            return position
