"""Who the client is behind proxies that we trust."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrustedProxies:
    """`hops`: how many proxies of ours append to X-Forwarded-For. 0 believes no such header."""

    hops: int = 0


def client_address(proxies, headers, peer):
    """([host, port] or None, scheme or None) of the client.

    `headers` are (lower-case name, value) bytes. Each proxy appends the address it sees, so the
    one that our outermost proxy saw is the `hops`-th from the right. Anything further left is
    what the client claims.
    """
    if not proxies.hops:
        return peer, None
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
        return peer, scheme
    return [seen[-min(proxies.hops, len(seen))], 0], scheme
