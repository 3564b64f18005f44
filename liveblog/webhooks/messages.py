"""What is sent to a webhook, and what comes back: plain values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """The HTTP status, or None where there was no answer; `error` is then the reason."""

    status: int | None
    error: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
