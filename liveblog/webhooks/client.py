"""Sends webhooks' requests: several at a time, each with one deadline.

The deadline covers everything: resolving the name, every address of the host, the TLS handshake,
and a response that comes byte by byte. Addresses are tried as in RFC 8305 (Happy Eyeballs): the
next one 0.25 s after the last, so that a dead one does no harm if another answers. Redirects are
not followed, and proxies of the environment are not used.
"""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.utils.encoding import iri_to_uri
from yarl import URL

from liveblog.webhooks.addresses import is_allowed
from liveblog.webhooks.messages import Request, Response

TIMEOUT = 5.0  # s, for a whole request
IDLE = 3.0  # s that a connection is kept without a request


class WebhookClient:
    """A context manager. Its requests run in an event loop, in a thread of its own.

    `may_reach`: whether a request may be sent to an address; raises ValueError for what is none.
    `keep_alive`: whether connections are used again, for many requests to few servers.
    """

    def __init__(
        self, may_reach: Callable[[str], bool] = is_allowed, keep_alive: bool = False
    ) -> None:
        self.may_reach = may_reach
        self.keep_alive = keep_alive
        self.session: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        self.tls = ssl.create_default_context()  # reads the system's certificates: once is enough
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="webhooks", daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel the requests in progress."""
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def post(self, request: Request) -> Future[Response]:
        """Send it. The future never holds an exception but CancelledError."""
        return asyncio.run_coroutine_threadsafe(self.answer(request), self.loop)

    async def answer(self, request: Request) -> Response:
        if not self.keep_alive:
            async with new_session(self.tls, self.may_reach) as session:
                return await post(request, session)
        if self.session is None:
            self.session = new_session(self.tls, self.may_reach, keep_alive=True)
        return await post(request, self.session)

    async def end(self) -> None:
        await cancel_all()
        if self.session is not None:
            await self.session.close()


async def cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def post(request: Request, session: aiohttp.ClientSession) -> Response:
    """POST it within TIMEOUT. Does not raise: a failure is the response's `error`."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await answer_to(request, session)
    except TimeoutError:
        return Response(None, f"no answer within {TIMEOUT:g} s")
    except Exception as error:
        return Response(None, printable(reason_of(error)))


async def answer_to(request: Request, session: aiohttp.ClientSession) -> Response:
    async with session.post(
        ascii_url(request.url),
        data=request.body,
        headers=request.headers,
        allow_redirects=False,
    ) as answer:
        error = "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        return Response(answer.status, error, answer.headers.get("Retry-After", ""))


def new_session(
    tls: ssl.SSLContext, may_reach: Callable[[str], bool], keep_alive: bool = False
) -> aiohttp.ClientSession:
    """Called in the event loop. Its requests have no deadline of their own."""
    # Less than servers wait: none closes a connection just when it is used again.
    reuse: dict[str, Any] = {"keepalive_timeout": IDLE} if keep_alive else {"force_close": True}
    connector = aiohttp.TCPConnector(
        resolver=Resolver(),
        socket_factory=partial(open_socket, may_reach=may_reach),
        use_dns_cache=False,
        ssl=tls,
        **reuse,
    )
    unlimited = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
    return aiohttp.ClientSession(
        connector=connector, timeout=unlimited, cookie_jar=aiohttp.DummyCookieJar()
    )


def open_socket(address: aiohttp.AddrInfoType, may_reach: Callable[[str], bool]) -> socket.socket:
    """The socket for one address. Every address comes here, looked up or written in the URL.

    Raises OSError for one that may not be reached. It is the address that the socket will
    connect to, so no other answer of the name server can follow.
    """
    family, kind, protocol, _, place = address
    if not may_reach(str(place[0])):
        raise OSError(f"{place[0]} is not a public address")
    return socket.socket(family, kind, protocol)


class Resolver(AbstractResolver):
    """Looks names up in a daemon thread for each.

    The threads of asyncio's own executor would keep the process from ending while the system's
    resolver hangs, which it does for half a minute.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the host. Raises OSError."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(result: list[ResolveResult] | Exception) -> None:
            if found.done():  # cancelled: the deadline has passed
                return
            if isinstance(result, Exception):
                found.set_exception(result)
            else:
                found.set_result(result)

        def look_up() -> None:
            result: list[ResolveResult] | Exception
            try:
                result = addresses_of(host, port, family)
            except Exception as error:
                result = error
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, result)

        threading.Thread(target=look_up, name="webhooks-resolver", daemon=True).start()
        return await found

    async def close(self) -> None:
        pass


def addresses_of(host: str, port: int, family: int) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in found
    ]


def ascii_url(url: str) -> URL:
    """The URL with non-ASCII characters encoded, otherwise unchanged. Raises ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.isascii():
        encoded = host.encode("idna").decode()
        before, at, place = parts.netloc.rpartition("@")
        _, colon, port = place.partition(":")
        parts = parts._replace(netloc=before + at + encoded + colon + port)
    parts = parts._replace(path=iri_to_uri(parts.path), query=iri_to_uri(parts.query))
    return URL(parts.geturl(), encoded=True)


def reason_of(error: Exception) -> str:
    """The message of the system or aiohttp, without the URL, which may contain a secret."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, aiohttp.ClientResponseError):
        return f"no HTTP: {error.message}"
    # Errors of the resolver and of TLS number their reasons differently.
    is_system_error = not isinstance(error, socket.gaierror | ssl.SSLError)
    if isinstance(error, OSError) and error.errno and is_system_error:
        return os.strerror(error.errno)
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def printable(text: str) -> str:
    """The text without characters that a database may reject: it may quote the server."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
