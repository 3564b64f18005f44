"""Refusals before a worker is asked: an HTTP status, one sentence, the end of the connection."""

ANSWER = (
    b"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
)
REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    503: b"Service Unavailable",
    505: b"HTTP Version Not Supported",
}


class Refused(Exception):
    """`headers`: header lines of the answer, bytes, each with its line end."""

    def __init__(self, status, sentence, headers=b""):
        super().__init__(sentence)
        self.answer = refusal(status, sentence, headers)


def refusal(status, sentence, headers=b""):
    """A whole HTTP/1.1 response that ends the connection."""
    body = sentence.encode() + b"\n"
    return ANSWER % (status, REASONS[status], headers, len(body), body)
