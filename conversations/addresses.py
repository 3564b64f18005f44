"""Client addresses as limits count them."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from channels.message import Message
from django.http import HttpRequest

# As in nginx.conf: this machine's health checks, and a proxy that sends no client address.
LOCAL = {"127.0.0.1", "::1"}
PREFIX = 64  # bits; what one IPv6 customer has at least, RFC 6177


def counted_address(address: str) -> str:
    """The address under which a client is counted: for IPv6 the first one of its /64.

    A client of IPv6 can have a new address for each request, but its network stays. An IPv4
    address that is written as one of IPv6 is IPv4. What is no address is returned unchanged.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    if found.is_loopback:
        return address
    return str(IPv6Network((int(found), PREFIX), strict=False).network_address)


def limited_address(address: str | None) -> str | None:
    """The counted address; None for a client that limits per address do not apply to."""
    found = counted_address(address or "")
    return found if found and found not in LOCAL else None


def limited_address_of(message: Message) -> str | None:
    """The same of a handshake or a request, as a consumer gets it."""
    peer = message.content.get("client")
    return limited_address(peer and peer[0])


def address_of(request: HttpRequest) -> str:
    """The counted address of a request; empty where it came over a unix socket."""
    return counted_address(request.META.get("REMOTE_ADDR") or "")


def address_for_axes(request: HttpRequest) -> str | None:
    """AXES_CLIENT_IP_CALLABLE: the counted address, or None where there is none to store."""
    return address_of(request) or None
