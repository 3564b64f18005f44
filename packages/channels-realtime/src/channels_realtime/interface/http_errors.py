"""Refusals before a worker is asked: an HTTP status, one sentence, the end of the connection."""

ANSWER = (
    b"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
)
BUSY = "Busy; please try again in a moment."
RETRY_AFTER = b"Retry-After: 5\r\n"  # s: workers answer what waits, or its senders give up
REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    503: b"Service Unavailable",
    505: b"HTTP Version Not Supported",
}


class Refused(Exception):
    """`headers`: header lines of the answer, bytes, each with its line end."""

    def __init__(self, status: int, sentence: str, headers: bytes = b"") -> None:
        super().__init__(sentence)
        self.answer = refusal(status, sentence, headers)


def refusal(status: int, sentence: str, headers: bytes = b"") -> bytes:
    """A whole HTTP/1.1 response that ends the connection."""
    body = sentence.encode() + b"\n"
    return ANSWER % (status, REASONS[status], headers, len(body), body)
