"""The types of the environment variables: marshmallow fields that read a variable's text."""

import base64
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import dj_database_url
from channels_realtime.memory_budget import parse_size
from marshmallow import ValidationError
from marshmallow.fields import Boolean, Field
from marshmallow.validate import Range

T = TypeVar("T")

POOLS = ("http", "websocket", "slow")  # the programs of supervisord.conf
SENTINEL_PORT = 26379
# The order of P-256 (SP 800-186, section 3.2.1.3): private keys are smaller.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MAIL_PORTS = {"smtp": 25, "smtps": 465, "smtp+tls": 587}


class Parsed(Field[T]):
    """The result of a function that raises ValueError for a text that is not allowed."""

    def __init__(self, parse: Callable[[str], T]) -> None:
        super().__init__()
        self.parse = parse

    def _deserialize(self, value: str, *args: Any, **kwargs: Any) -> T:
        try:
            return self.parse(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Words(Field[list[str]]):
    """Comma-separated words without the white space around them; empty words are skipped."""

    def __init__(self, each: Callable[[str], object] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.each = each

    def _deserialize(self, value: str, *args: Any, **kwargs: Any) -> list[str]:
        words = split_words(value)
        if self.each:
            for word in words:
                self.each(word)
        return words


class Folder(Field[Path]):
    """A path; a relative one starts at `base`, whatever the working folder is."""

    def __init__(self, base: Path) -> None:
        super().__init__()
        self.base = base

    def _deserialize(self, value: str, *args: Any, **kwargs: Any) -> Path:
        return self.base / Path(value).expanduser()


def flag() -> Boolean:
    return Boolean(truthy={"1", "true", "True", "TRUE"}, falsy={"0", "false", "False", "FALSE"})


def split_words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def memory_budget(text: str) -> int:
    """Bytes. Below 256M an upload of 10 MiB leaves no room for anything else."""
    size = parse_size(text)
    if not 256 << 20 <= size <= 1 << 40:
        raise ValueError(text)
    return size


def worker_pools(text: str) -> dict[str, int]:
    """The number of processes of each of POOLS, from `http:2,websocket:2,slow:1`; empty: unset."""
    pools: dict[str, int] = {}
    for word in split_words(text):
        name, _, number = word.partition(":")
        if name not in POOLS or name in pools:
            raise ValueError(word)
        pools[name] = Range(1, 256)(int(number))
    if pools and len(pools) < len(POOLS):
        raise ValueError("A pool is missing: no worker would read its channels.")
    return pools


def vapid_key(text: str) -> str:
    """A P-256 private key (FIPS 186-5, section 6.2) as base64url, unchanged; empty: unset."""
    if text:
        key = base64.b64decode(text + "=", altchars="-_", validate=True)
        if len(key) != 32 or not 0 < int.from_bytes(key) < P256_ORDER:
            raise ValueError("no private key of P-256")
    return text


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Networks in CIDR notation, or single addresses."""
    return [ip_network(word) for word in split_words(text)]


def origins(text: str) -> list[str]:
    """Origins (RFC 6454, section 6.2), as browsers write them, or `*` alone."""
    found = [word.lower() for word in split_words(text)]
    if found == ["*"]:
        return found
    for word in found:
        if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", word):
            raise ValueError(word)
    return found


def links(text: str) -> list[tuple[str, str]]:
    """Pairs of a text and an address, from `Imprint=https://news.example/imprint,…`."""
    found = []
    for word in split_words(text):
        name, separator, address = (part.strip() for part in word.partition("="))
        if not (name and separator and re.fullmatch(r"(https?://|mailto:|/)\S+", address)):
            raise ValueError(word)
        found.append((name, address))
    return found


def database_url(text: str) -> str:
    """A URL that dj-database-url can read; empty: unset."""
    if not text:
        return text
    if not re.match(r"postgres(ql)?://|sqlite:///", text):
        raise ValueError(text)
    found = dj_database_url.parse(text)
    # A database in memory would be another one in each process.
    if found["NAME"] in ("", ":memory:") and "service" not in found.get("OPTIONS", {}):
        raise ValueError(text)
    return text


class Server(NamedTuple):
    host: str
    port: int


class SentinelURL(NamedTuple):
    """A Redis that a group of Sentinels knows under the name of a service."""

    servers: tuple[Server, ...]
    service: str
    password: str | None


def parse_sentinel(url: str) -> SentinelURL:
    """Parse `sentinel://[:password@]host[:port];host…/service`. Raises ValueError."""
    found = re.fullmatch(r"sentinel://(?::([^@/]*)@)?([^@/]+)/([\w.-]+)", url)
    if not found:
        raise ValueError(url)
    password, places, service = found.groups()
    servers = []
    for place in places.split(";"):
        host, _, port = place.partition(":")
        if not host:
            raise ValueError(url)
        servers.append(Server(host, int(port or SENTINEL_PORT)))
    return SentinelURL(tuple(servers), service, unquote(password) if password else None)


def redis_urls(text: str) -> list[str]:
    """URLs of Redis servers, or of services of one group of Sentinels."""
    urls = split_words(text)
    sentinels = [parse_sentinel(url) for url in urls if url.startswith("sentinel://")]
    for url in urls:
        if not url.startswith("sentinel://"):
            check_redis_url(urlsplit(url))
    if len({(sentinel.servers, sentinel.password) for sentinel in sentinels}) > 1:
        raise ValueError("All services must be of the same Sentinels.")
    if sentinels and len(sentinels) < len(urls):
        raise ValueError("Addresses of Redis servers and of Sentinels cannot be mixed.")
    return urls


def check_redis_url(url: SplitResult) -> None:
    place = url.path if url.scheme == "unix" else url.hostname
    # `port` itself raises ValueError for a text that is no port.
    if url.scheme not in ("redis", "rediss", "unix") or not place or url.port == 0:
        raise ValueError(url.geturl())


def mail_settings(text: str) -> dict[str, str | int | bool]:
    """Django's mail settings of an smtp://, smtps:// (TLS) or smtp+tls:// (STARTTLS) URL."""
    if not text:
        return {}
    url = urlsplit(text)
    if url.scheme not in MAIL_PORTS or not url.hostname:
        raise ValueError(text)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": url.hostname,
        "EMAIL_PORT": url.port or MAIL_PORTS[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": url.scheme == "smtp+tls",
    }


class IceServer(TypedDict):
    """An RTCIceServer (WebRTC, section 4.2.4), as browsers take it."""

    urls: str
    username: NotRequired[str]
    credential: NotRequired[str]


def ice_servers(text: str) -> list[IceServer]:
    """ICE servers of `stun:host:port` and `turn:user:password@host:port` (RFC 7064, RFC 7065)."""
    servers: list[IceServer] = []
    for word in split_words(text):
        found = re.fullmatch(r"(stuns?|turns?):(?:([^:@]+):([^@]+)@)?([^@\s]+)", word)
        if not found or found[1].startswith("turn") != bool(found[2]):
            raise ValueError(word)
        scheme, user, password, place = found.groups()
        server = IceServer(urls=f"{scheme}:{place}")
        if user:
            server |= {"username": unquote(user), "credential": unquote(password)}
        servers.append(server)
    return servers
