"""Which addresses webhooks may reach: public ones, and those in WEBHOOK_NETWORKS.

Otherwise whoever may add a webhook could have the site send requests to services of its own
machine or network, which trust it.
"""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1
LOCAL = ("localhost", "localhost.localdomain")


def is_allowed(text: str) -> bool:
    """Whether a webhook may be sent to the address. Raises ValueError for what is none."""
    return is_public_or_in(settings.WEBHOOK_NETWORKS, text)


def is_public_or_in(networks: Iterable[Network], text: str) -> bool:
    """Whether it is public or in one of the networks. Raises ValueError for what is no address."""
    address = ip_address(text.partition("%")[0])
    if any(address in network for network in networks):
        return True
    return all(each.is_global and not each.is_multicast for each in addresses_in(address))


def addresses_in(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that a packet to it may end at."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = IPv4Address(address.packed[-4:])
        if inner:
            yield inner
        if address.ipv4_mapped:
            return  # nothing is sent to the address itself
    yield address


def is_allowed_host(host: str, may_reach: Callable[[str], bool] = is_allowed) -> bool:
    """Whether a URL may name the host; a name that must be resolved is checked before sending."""
    name = host.lower().rstrip(".")
    try:
        return may_reach("127.0.0.1" if name in LOCAL else name)
    except ValueError:
        return True
