"""Requests to other sites: only to public addresses, with a bound for time, size and redirects.

Each address that is connected to is checked at the socket, so neither a redirect nor a second
answer of a name server leads into a private network. A name is looked up as for webhooks.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp
from django.conf import settings

from liveblog.webhooks.addresses import is_public_or_in
from liveblog.webhooks.client import Resolver, ascii_url, printable, reason_of

TIMEOUT = 6.0  # s for one resource, all redirects included
MAX_REDIRECTS = 4
REDIRECTS = (301, 302, 303, 307, 308)
# Sites send their Open Graph data to clients that say that they make previews.
HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; Liveblog-LinkCards/1.0)",
    "Accept-Encoding": "identity",  # compressed, a few bytes could become many
}
TEMPORARY = (408, 425, 429)


class FetchError(Exception):
    """Nothing was fetched. `is_final`: trying again would not help."""

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_final = reason, is_final


class RefusedAddress(OSError):
    """The address is not public."""


@dataclass(frozen=True)
class Resource:
    """`address`: after redirects; `is_cut`: there was more than was asked for."""

    address: str
    kind: str
    charset: str | None
    content: bytes
    is_cut: bool


async def fetch(address: str, accept: str, most: int, tls: ssl.SSLContext) -> Resource:
    """GET it: at most `most` bytes, within TIMEOUT. Raises FetchError."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await follow(address, accept, most, tls)
    except TimeoutError:
        raise FetchError(f"no answer within {TIMEOUT:g} s") from None
    except FetchError:
        raise
    except RefusedAddress as error:
        raise FetchError(str(error), is_final=True) from None
    except aiohttp.ClientConnectorError as error:
        # A certificate's error has no os_error.
        is_refused = isinstance(getattr(error, "os_error", None), RefusedAddress)
        raise FetchError(printable(reason_of(error)), is_final=is_refused) from None
    except ValueError as error:  # no URL
        raise FetchError(printable(str(error)), is_final=True) from None
    except Exception as error:
        raise FetchError(printable(reason_of(error))) from None


async def follow(address: str, accept: str, most: int, tls: ssl.SSLContext) -> Resource:
    connector = aiohttp.TCPConnector(
        resolver=Resolver(),
        socket_factory=open_socket,
        use_dns_cache=False,
        force_close=True,
        ssl=tls,
    )
    unlimited = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=unlimited,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={**HEADERS, "Accept": accept},
    ) as session:
        for _ in range(MAX_REDIRECTS + 1):
            check(address)
            async with session.get(ascii_url(address), allow_redirects=False) as answer:
                if answer.status not in REDIRECTS:
                    return await read(address, answer, most)
                address = urljoin(address, answer.headers.get("Location", ""))
    raise FetchError("too many redirects", is_final=True)


def check(address: str) -> None:
    """Raises FetchError for what is no plain web address; the socket checks the host."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise FetchError("it is no web address", is_final=True)


async def read(address: str, answer: aiohttp.ClientResponse, most: int) -> Resource:
    if answer.status != 200:
        is_final = 400 <= answer.status < 500 and answer.status not in TEMPORARY
        raise FetchError(f"HTTP {answer.status}", is_final)
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("it came compressed", is_final=True)
    content = bytearray()
    async for part in answer.content.iter_any():
        content += part
        if len(content) > most:
            break
    return Resource(
        address, answer.content_type, answer.charset, bytes(content[:most]), len(content) > most
    )


def open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """The socket for one address. Every address comes here, looked up or written in the URL.

    Raises RefusedAddress.
    """
    family, kind, protocol, _, place = address
    if not is_public_or_in(settings.LINK_CARD_NETWORKS, str(place[0])):
        raise RefusedAddress(f"{place[0]} is not a public address")
    return socket.socket(family, kind, protocol)
