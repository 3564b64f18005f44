"""The environment variables: type, default, meaning; the table in README is this one."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import dj_database_url
from channels_realtime.memory_budget import parse_size
from channels_realtime.worker import timeouts

ROOT = Path(__file__).resolve().parent.parent
# Relative folders are those of the checkout; a release holds the name of the one it was made from.
MADE_FROM = "made_from"
try:
    BASE = Path((ROOT / MADE_FROM).read_text().strip())
except FileNotFoundError:
    BASE = ROOT
# A unix socket's path holds at most 107 bytes (unix(7)); names in the run folder take up to 20.
LONGEST_RUN_DIR = 87
POOLS = ("http", "websocket", "slow")  # the programs of supervisord.conf


class WrongValue(Exception):
    """An environment variable holds a value that is not allowed."""

    exit_code = 2

    def __init__(self, name, value, allowed):
        super().__init__(name, value, allowed)
        self.name, self.value, self.allowed = name, value, allowed

    def __str__(self):
        return f"{self.name}={self.value!r} is not allowed: {self.name} is {self.allowed}."


@dataclass(frozen=True)
class Variable:
    """One variable. `parse` takes the text and raises ValueError; `default` is text as well."""

    name: str
    default: str
    allowed: str
    help: str
    parse: Callable[[str], object]

    def read(self, environ: Mapping[str, str]):
        """The value, or the default where the variable is unset or empty. Raises WrongValue."""
        text = environ.get(self.name) or self.default
        try:
            return self.parse(text)
        except ValueError:
            raise WrongValue(self.name, text, self.allowed) from None


def boolean(text):
    if text.lower() not in ("0", "1", "true", "false"):
        raise ValueError(text)
    return text.lower() in ("1", "true")


def whole(low, high):
    def parse(text):
        if not (re.fullmatch(r"[0-9]{1,9}", text) and low <= int(text) <= high):
            raise ValueError(text)
        return int(text)

    return parse


def memory_budget(text: str) -> int:
    """Bytes. Below 256M an upload of 10 MiB leaves no room for anything else."""
    size = parse_size(text)
    if not 256 << 20 <= size <= 1 << 40:
        raise ValueError(text)
    return size


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def secret(text):
    if 0 < len(text) < 32:
        raise ValueError(text)
    return text


def folder(text: str) -> Path:
    # Relative to the project, so that every command finds the same one from any working folder.
    return BASE / Path(text).expanduser()


def optional_folder(text: str) -> Path | None:
    return folder(text) if text else None


def ipv4_or_name(text):
    # supervisord, which opens the listening socket, knows IPv4 and names only.
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", text):
        raise ValueError(text)
    return text


def hosts(text):
    found = words(text)
    name = r"\*|\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]"
    if not found or not all(re.fullmatch(name, word) for word in found):
        raise ValueError(text)
    return found


def database_url(text):
    if not text:
        return text
    if not re.match(r"postgres(ql)?://|sqlite:///", text):
        raise ValueError(text)
    found = dj_database_url.parse(text)
    # In memory, each process would have a database of its own.
    if found["NAME"] in ("", ":memory:") and "service" not in found.get("OPTIONS", {}):
        raise ValueError(text)
    return text


def redis_urls(text):
    urls = words(text)
    for url in urls:
        if url.startswith("sentinel://"):
            parse_sentinel(url)
            continue
        parts = urlsplit(url)
        place = parts.path if parts.scheme == "unix" else parts.hostname
        if parts.scheme not in ("redis", "rediss", "unix") or not place:
            raise ValueError(url)
        if parts.port == 0:  # .port itself raises ValueError where it is no port
            raise ValueError(url)
    sentinels = {parse_sentinel(url)[::2] for url in urls if url.startswith("sentinel://")}
    if len(sentinels) > 1:
        raise ValueError("the services of one group of Sentinels only")
    if len({url.startswith("sentinel://") for url in urls}) > 1:
        raise ValueError("Redis servers by address and by Sentinel do not mix")
    return urls


def worker_pools(text):
    """{"http": 2, …} of `http:2,websocket:2,slow:1`: each of POOLS, each with a process or more."""
    pools = {}
    for word in words(text):
        name, _, number = word.partition(":")
        if name not in POOLS or name in pools:
            raise ValueError(word)
        pools[name] = whole(1, 256)(number)
    if pools and len(pools) < len(POOLS):
        raise ValueError("a pool is missing: nobody would read its channels")
    return pools


def log_format(text):
    if text not in ("text", "json"):
        raise ValueError(text)
    return text


def origins(text):
    """Origins (RFC 6454, 6.2), as browsers write them; `*` stands alone."""
    found = [word.lower() for word in words(text)]
    if found == ["*"]:
        return found
    for word in found:
        if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", word):
            raise ValueError(word)
    return found


def email_url(text):
    """Django's mail settings of smtp://, smtps:// (TLS at once) or smtp+tls:// (STARTTLS)."""
    if not text:
        return {}
    parts = urlsplit(text)
    ports = {"smtp": 25, "smtps": 465, "smtp+tls": 587}
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError(text)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or ports[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
    }


def address(text):
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError(text)
    return text


def ice_servers(text):
    """RTCIceServers of `stun:host:port` and `turn:user:password@host:port` (RFC 7064, 7065)."""
    servers = []
    for word in words(text):
        found = re.fullmatch(r"(stuns?|turns?):(?:([^:@]+):([^@]+)@)?([^@\s]+)", word)
        if not found or found[1].startswith("turn") != bool(found[2]):
            raise ValueError(word)
        scheme, user, password, place = found.groups()
        server = {"urls": f"{scheme}:{place}"}
        if user:
            server |= {"username": unquote(user), "credential": unquote(password)}
        servers.append(server)
    return servers


def parse_sentinel(url):
    """`sentinel://[:password@]host[:port];host…/service` as (hosts, service, password or None)."""
    found = re.fullmatch(r"sentinel://(?::([^@/]*)@)?([^@/]+)/([\w.-]+)", url)
    if not found:
        raise ValueError(url)
    password, places, service = found.groups()
    hosts = []
    for place in places.split(";"):
        host, _, port = place.partition(":")
        if not host:
            raise ValueError(url)
        hosts.append((host, int(port or 26379)))
    return tuple(hosts), service, unquote(password) if password else None


VARIABLES = (
    Variable(
        "SECRET_KEY",
        "",
        "at least 32 characters",
        "signs sessions; unset: made once and kept in `DATA_DIR/secret_key`",
        secret,
    ),
    Variable("DEBUG", "0", "0 or 1", "Django's debug pages; never in production", boolean),
    Variable(
        "ALLOWED_HOSTS",
        "localhost,127.0.0.1,[::1]",
        "a comma-separated list of host names, without scheme and port",
        "the names this site answers to, also the Origins that WebSockets may come from",
        hosts,
    ),
    Variable(
        "HOST", "127.0.0.1", "an IPv4 address or a host name", "where to listen", ipv4_or_name
    ),
    Variable("PORT", "8000", "a whole number from 1 to 65535", "where to listen", whole(1, 65535)),
    Variable(
        "DATA_DIR",
        "var",
        "a folder",
        "database, media, logs and the embedded Redis",
        folder,
    ),
    Variable(
        "RELEASES_DIR",
        "",
        "a folder",
        "where `deploy/release` keeps releases; unset: `DATA_DIR/releases`",
        optional_folder,
    ),
    Variable(
        "DATABASE_URL",
        "",
        "a URL such as postgres://user:password@host:port/name or sqlite:////folder/file",
        "unset: SQLite in `DATA_DIR/db.sqlite3`",
        database_url,
    ),
    Variable(
        "REDIS_URL",
        "",
        "a comma-separated list of URLs that begin with redis://, rediss:// or unix://, or of "
        "sentinel://host:port;host:port/service",
        "the channel layer, several URLs are shards; unset: an embedded Redis in `DATA_DIR`",
        redis_urls,
    ),
    Variable(
        "CHANNEL_KEYS",
        "",
        "a comma-separated list of keys",
        "encrypts all that passes through Redis; the first key encrypts, each may decrypt",
        words,
    ),
    Variable("INTERFACES", "1", "a whole number from 1 to 64", "Daphne processes", whole(1, 64)),
    Variable("WORKERS", "2", "a whole number from 1 to 256", "worker processes", whole(1, 256)),
    Variable(
        "WORKER_POOLS",
        "",
        "http:N,websocket:N,slow:N, each N a whole number from 1 to 256",
        "instead of `WORKERS`: separate pools, such as `http:2,websocket:2,slow:1`",
        worker_pools,
    ),
    Variable(
        "CONSUMER_TIMEOUT",
        "60",
        timeouts.ALLOWED,
        "s a worker may take for a message before it is killed and replaced; also by channel: "
        "`60,accounts.*=300`; `0`: no limit",
        timeouts.parse,
    ),
    Variable(
        "MEMORY_BUDGET",
        "1G",
        "a number of bytes from 256M to 1024G, such as 512M or 2G",
        "memory that the connections and buffers of one interface process may take at worst",
        memory_budget,
    ),
    Variable(
        "TRUSTED_HOPS",
        "0",
        "a whole number from 0 to 8",
        "proxies in front whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; nginx: `1`",
        whole(0, 8),
    ),
    Variable(
        "HTTPS",
        "0",
        "0 or 1",
        "readers come by https alone: cookies only over TLS, HSTS; needs `TRUSTED_HOPS`",
        boolean,
    ),
    Variable(
        "LOG_FORMAT", "text", "text or json", "log lines: text, or one JSON object each", log_format
    ),
    Variable(
        "API_TOKENS",
        "",
        "a comma-separated list of tokens",
        "who may use the HTTP API, as `Authorization: Bearer <token>`",
        words,
    ),
    Variable(
        "EMBED_ORIGINS",
        "",
        "a comma-separated list of origins such as https://news.example, or *",
        "the sites that may show a live blog in their pages, or `*` for all; unset: none",
        origins,
    ),
    Variable(
        "EMAIL_URL",
        "",
        "a URL that begins with smtp://, smtps:// or smtp+tls://",
        "the mail server; unset: mails are files in `DATA_DIR/mail`",
        email_url,
    ),
    Variable("EMAIL_FROM", "liveblog@localhost", "an address", "who sends mails", address),
    Variable(
        "ICE_SERVERS",
        "",
        "a comma-separated list of stun:host:port and turn:user:password@host:port",
        "what voice rooms need beyond one network: STUN and TURN servers",
        ice_servers,
    ),
)


class Environment:
    """All variables, read and checked: `environment.PORT`, `environment.DATA_DIR` and so on."""

    def __init__(self, environ: Mapping[str, str] = os.environ):
        for variable in VARIABLES:
            setattr(self, variable.name, variable.read(environ))
        self.RELEASES_DIR = self.RELEASES_DIR or self.DATA_DIR / "releases"
        self.embedded_redis = not self.REDIS_URL
        if self.embedded_redis:
            self.REDIS_URL = [f"unix://{quote(str(self.run_dir / 'redis.sock'))}"]

    @property
    def run_dir(self) -> Path:
        """Where the sockets are: in DATA_DIR, or elsewhere if its path is too long or holds a %.

        supervisord expands % in some of its paths twice.
        """
        run_dir = self.DATA_DIR / "run"
        if len(os.fsencode(run_dir)) <= LONGEST_RUN_DIR and "%" not in str(run_dir):
            return run_dir
        name = hashlib.sha256(os.fsencode(self.DATA_DIR)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"liveblog-{os.getuid()}-{name}"
