"""Refusals without a worker: an HTTP status, one sentence, the end of the connection."""

ANSWER = (
    b"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
)
BUSY = "Busy; please try again in a moment."
RETRY_AFTER_HEADER = (b"Retry-After", b"5")  # s: by then workers have caught up, or clients left
RETRY_AFTER = b"%s: %s\r\n" % RETRY_AFTER_HEADER
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
    """A request that is refused; `answer` is the whole response.

    Args:
        status: one of REASONS.
        headers: header lines of the response, each with its line end.
    """

    def __init__(self, status: int, sentence: str, headers: bytes = b"") -> None:
        super().__init__(sentence)
        self.answer = refusal(status, sentence, headers)


def refusal(status: int, sentence: str, headers: bytes = b"") -> bytes:
    """A whole HTTP/1.1 response that ends the connection. Arguments: see Refused."""
    body = sentence.encode() + b"\n"
    return ANSWER % (status, REASONS[status], headers, len(body), body)
