"""Refusals: what a socket or an HTTP client gets instead of what it asked for."""


def error_frame(code: str, sentence: str) -> dict[str, object]:
    """The shape of every refusal: `code` for programs, `message` for people."""
    return {"type": "error", "code": code, "message": sentence}


class Refusal(Exception):
    """A message or a request that is refused, and changes nothing.

    Args:
        code: the reason, for programs.
        sentence: the reason, in the language of the client.
        status: the HTTP status where it is the answer to a request.
        close_code: closes the WebSocket (channels_realtime.close_codes); None keeps it open.
    """

    def __init__(
        self, code: str, sentence: str, status: int = 400, close_code: int | None = None
    ) -> None:
        super().__init__(code, sentence, status, close_code)
        self.code = code
        self.sentence = sentence
        self.status = status
        self.close_code = close_code

    def __str__(self) -> str:
        return self.sentence

    @property
    def frame(self) -> dict[str, object]:
        return error_frame(self.code, self.sentence)
