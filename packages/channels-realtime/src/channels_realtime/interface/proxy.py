"""The client's address and scheme behind trusted proxies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Address = list[str | int]  # ASGI's [host, port]


@dataclass(frozen=True)
class TrustedProxies:
    """`hops`: number of own proxies that append to X-Forwarded-For. 0: the header is ignored."""

    hops: int = 0


class Client(NamedTuple):
    """`address` is None for a unix socket, `scheme` where no proxy states it."""

    address: Address | None
    scheme: str | None


def client_address(
    proxies: TrustedProxies, headers: Sequence[tuple[bytes, bytes]], peer: Address | None
) -> Client:
    """The client of a request.

    Each proxy appends the address it sees, so the one that the outermost trusted proxy saw is
    the `hops`-th from the right. Anything further left is what the client claims.

    Args:
        headers: of the request, with names in lower case.
        peer: the address of the connection.
    """
    if not proxies.hops:
        return Client(peer, None)
    seen = [
        address.strip()
        for name, value in headers
        if name == b"x-forwarded-for"
        for address in value.decode("latin1").split(",")
        if address.strip()
    ]
    scheme = next(
        (value.decode("latin1") for name, value in headers if name == b"x-forwarded-proto"), None
    )
    if scheme not in ("http", "https"):
        scheme = None
    if not seen:
        return Client(peer, scheme)
    return Client([seen[-min(proxies.hops, len(seen))], 0], scheme)
