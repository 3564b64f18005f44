"""The requests and responses of webhooks: plain values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """The HTTP status, or None without a response; `error` is then the reason.

    `retry_after`: that header (RFC 9110, section 10.2.3).
    """

    status: int | None
    error: str = ""
    retry_after: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
