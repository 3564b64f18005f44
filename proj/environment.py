"""The environment variables: type, default and meaning. docs/configuration.md has this table."""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar, overload
from urllib.parse import quote

from channels_realtime.worker import timeouts
from marshmallow import ValidationError
from marshmallow.fields import Field, Integer, String
from marshmallow.validate import Length, OneOf, Range, Regexp

from proj.environment_fields import (
    Folder,
    Parsed,
    Words,
    database_url,
    flag,
    ice_servers,
    links,
    mail_settings,
    memory_budget,
    networks,
    origins,
    redis_urls,
    vapid_key,
    worker_pools,
)

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
# Relative folders start at the checkout. A release stores the path of its checkout in this file.
MADE_FROM = "made_from"
try:
    BASE = Path((ROOT / MADE_FROM).read_text().strip())
except FileNotFoundError:
    BASE = ROOT
# A unix socket's path holds at most 107 bytes (unix(7)); names in the run folder take up to 20.
LONGEST_RUN_DIR = 87
HOST_NAME = r"(\*|\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])\Z"


class WrongValue(Exception):
    """An environment variable holds a value that is not allowed."""

    exit_code = 2

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(name, value, allowed)
        self.name, self.value, self.allowed = name, value, allowed

    def __str__(self) -> str:
        return f"{self.name}={self.value!r} is not allowed: {self.name} is {self.allowed}."


class Variable(Generic[T]):
    """One variable, declared as an attribute of Environment and read by its field.

    Args:
        field: parses and checks the text.
        default: the text that is used if the variable is unset or empty.
        allowed: the allowed values; the end of WrongValue's sentence.
        help: the meaning, for docs/configuration.md.
        is_secret: whether `<name>_FILE` may name a file with the text instead.
    """

    name: str

    def __init__(
        self, field: Field[T], default: str, allowed: str, help: str, is_secret: bool = False
    ) -> None:
        self.field = field
        self.default = default
        self.allowed = allowed
        self.help = help
        self.is_secret = is_secret

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object, owner: type) -> Self | T:
        return self if instance is None else instance.__dict__[self.name]

    def read(self, environ: Mapping[str, str]) -> T | None:
        """The value in `environ`, or the default. Raises WrongValue."""
        text = self.text(environ) or self.default
        try:
            return self.field.deserialize(text)
        except ValidationError:
            raise WrongValue(self.name, text, self.allowed) from None

    @property
    def names(self) -> tuple[str, ...]:
        """The environment variables that it is read from."""
        return (self.name, f"{self.name}_FILE") if self.is_secret else (self.name,)

    def text(self, environ: Mapping[str, str]) -> str:
        """What `environ` says, or the file that it names; "" if neither. Raises WrongValue."""
        text = environ.get(self.name, "")
        file_name = f"{self.name}_FILE"
        path = environ.get(file_name) if self.is_secret else None
        if not path:
            return text
        if text:
            raise WrongValue(file_name, path, f"unset where {self.name} is set")
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError):
            raise WrongValue(file_name, path, "a text file that this user can read") from None


class Environment:
    """All variables, read and checked: `environment.PORT`, `environment.DATA_DIR` and so on."""

    SECRET_KEY = Variable(
        String(validate=Regexp(r"(.{32,})?\Z", re.DOTALL)),
        "",
        "at least 32 characters",
        "signs sessions; unset: generated once and stored in `DATA_DIR/secret_key`",
        is_secret=True,
    )
    DEBUG = Variable(
        flag(),
        "0",
        "0 or 1",
        "Django's debug pages; never in production",
    )
    ALLOWED_HOSTS = Variable(
        Words(each=Regexp(HOST_NAME), validate=Length(min=1)),
        "localhost,127.0.0.1,[::1]",
        "a comma-separated list of host names, without scheme and port",
        "the host names of this site; WebSockets from other Origins are refused",
    )
    # supervisord, which opens the listening socket, supports IPv4 and names only.
    HOST = Variable(
        String(validate=Regexp(r"[A-Za-z0-9.-]{1,253}\Z")),
        "127.0.0.1",
        "an IPv4 address or a host name",
        "where to listen",
    )
    PORT = Variable(
        Integer(validate=Range(1, 65535)),
        "8000",
        "a whole number from 1 to 65535",
        "where to listen",
    )
    DATA_DIR = Variable(
        Folder(BASE),
        "var",
        "a folder",
        "database, media, logs and the embedded Redis",
    )
    RELEASES_DIR = Variable(
        Folder(BASE),
        "",
        "a folder",
        "where `deploy/release` keeps releases; unset: `DATA_DIR/releases`",
    )
    DATABASE_URL = Variable(
        Parsed(database_url),
        "",
        "a URL such as postgres://user:password@host:port/name or sqlite:////folder/file",
        "unset: SQLite in `DATA_DIR/db.sqlite3`",
        is_secret=True,
    )
    REDIS_URL = Variable(
        Parsed(redis_urls),
        "",
        "a comma-separated list of URLs that begin with redis://, rediss:// or unix://, or of "
        "sentinel://host:port;host:port/service",
        "the channel layer, several URLs are shards; unset: an embedded Redis in `DATA_DIR`",
        is_secret=True,
    )
    CHANNEL_KEYS = Variable(
        Words(),
        "",
        "a comma-separated list of keys",
        "encrypts all messages in Redis; the first key encrypts, every key decrypts",
        is_secret=True,
    )
    INTERFACES = Variable(
        Integer(validate=Range(1, 64)),
        "1",
        "a whole number from 1 to 64",
        "interface server processes",
    )
    WORKERS = Variable(
        Integer(validate=Range(1, 256)),
        "2",
        "a whole number from 1 to 256",
        "worker processes",
    )
    WORKER_POOLS = Variable(
        Parsed(worker_pools),
        "",
        "http:N,websocket:N,slow:N, each N a whole number from 1 to 256",
        "instead of `WORKERS`: separate pools, such as `http:2,websocket:2,slow:1`",
    )
    CONSUMER_TIMEOUT = Variable(
        Parsed(timeouts.parse),
        "60",
        timeouts.ALLOWED,
        "seconds that a worker may spend on a message before it is killed and replaced; also per "
        "channel: `60,accounts.*=300`; `0`: no limit",
    )
    MEMORY_BUDGET = Variable(
        Parsed(memory_budget),
        "1G",
        "a number of bytes from 256M to 1024G, such as 512M or 2G",
        "upper bound for the memory of one interface process's connections and buffers",
    )
    WS_COMPRESSION = Variable(
        flag(),
        "1",
        "0 or 1",
        "compresses what is sent to all readers of a blog; `0` where CPU is dearer than traffic",
    )
    TRUSTED_HOPS = Variable(
        Integer(validate=Range(0, 8)),
        "0",
        "a whole number from 0 to 8",
        "number of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted; nginx: `1`",
    )
    HTTPS = Variable(
        flag(),
        "0",
        "0 or 1",
        "the site is served over HTTPS only: secure cookies and HSTS; requires `TRUSTED_HOPS`",
    )
    EXAMPLES = Variable(
        String(validate=OneOf(("", "0", "1"))),
        "",
        "0 or 1",
        "`/try/`, the console for developers, and the example conversations, in which anybody can "
        "send to all; unset: the console with `DEBUG` only, the conversations without `HTTPS` only",
    )
    LOG_FORMAT = Variable(
        String(validate=OneOf(("text", "json"))),
        "text",
        "text or json",
        "log lines: text, or one JSON object each",
    )
    API_TOKENS = Variable(
        Words(),
        "",
        "a comma-separated list of tokens",
        "the tokens of the HTTP API, sent as `Authorization: Bearer <token>`",
        is_secret=True,
    )
    # A worker reads a complete file once; 2 GB take some 10 s of the 60 that it may spend.
    MEDIA_MAX_MB = Variable(
        Integer(validate=Range(0, 2000)),
        "100",
        "a whole number from 0 to 2000",
        "the largest video or audio file that may be uploaded, in megabytes; `0`: none",
    )
    EMBED_ORIGINS = Variable(
        Parsed(origins),
        "",
        "a comma-separated list of origins such as https://news.example, or *",
        "the sites that may embed a live blog, or `*` for all; unset: none",
    )
    SITE_NAME = Variable(
        String(validate=Length(max=80)),
        "",
        "at most 80 characters",
        "the name of the site in headers and titles; unset: `Live blogs`",
    )
    SITE_LOGO = Variable(
        String(validate=Regexp(r"((https://[^/\s]+)?/[^\s/]\S*)?\Z")),
        "",
        "a URL that begins with https://, or a path such as /media/logo.svg",
        "an image that is shown instead of the name, 28 pixels high",
    )
    ACCENT_COLOR = Variable(
        String(validate=Regexp(r"(#[0-9A-Fa-f]{6})?\Z")),
        "",
        "a colour such as #14507a",
        "links and buttons; made darker or lighter until it can be read (WCAG AA)",
    )
    FOOTER_LINKS = Variable(
        Parsed(links),
        "",
        "a comma-separated list of Text=URL, each URL with https://, http://, mailto: or a path",
        "links in the footer of every page, such as `Imprint=https://news.example/imprint`",
    )
    WEBHOOK_NETWORKS = Variable(
        Parsed(networks),
        "",
        "a comma-separated list of networks such as 10.1.0.0/16",
        "networks that webhooks may reach although their addresses are not public",
    )
    LINK_CARDS = Variable(
        flag(),
        "1",
        "0 or 1",
        "links alone in a paragraph become cards, for which the server fetches title and picture; "
        "`0`: they stay links, and nothing is fetched",
    )
    LINK_CARD_NETWORKS = Variable(
        Parsed(networks),
        "",
        "a comma-separated list of networks such as 10.1.0.0/16",
        "networks that cards may be fetched from although their addresses are not public",
    )
    ALERTS = Variable(
        flag(),
        "1",
        "0 or 1",
        "readers may have their browsers alert them to key events (Web Push)",
    )
    ALERTS_CONTACT = Variable(
        String(validate=Regexp(r"((mailto:[^@\s]+@|https://)[^@\s]+)?\Z")),
        "",
        "an address that begins with mailto: or https://",
        "where push services reach the operator; unset: the first of `ALLOWED_HOSTS`, with https://",
    )
    ALERTS_NETWORKS = Variable(
        Parsed(networks),
        "",
        "a comma-separated list of networks such as 10.1.0.0/16",
        "networks of a push service of your own; others are reached at public addresses only",
    )
    VAPID_PRIVATE_KEY = Variable(
        Parsed(vapid_key),
        "",
        "a P-256 private key: 32 bytes in base64url, 43 characters",
        "signs alerts; browsers subscribe to this key, so it must never change; unset: generated "
        "once and stored in `DATA_DIR/vapid_private_key`",
        is_secret=True,
    )
    EMAIL_URL = Variable(
        Parsed(mail_settings),
        "",
        "a URL that begins with smtp://, smtps:// or smtp+tls://",
        "the mail server; unset: mails are written to files in `DATA_DIR/mail`",
        is_secret=True,
    )
    EMAIL_FROM = Variable(
        String(validate=Regexp(r"[^@\s]+@[^@\s]+\Z")),
        "liveblog@localhost",
        "an address",
        "the sender of mails",
    )
    # A history is one frame: at most 200 messages of 1,000 characters in the 1 MiB that may wait.
    CHAT_HISTORY = Variable(
        Integer(validate=Range(0, 100)),
        "50",
        "a whole number from 0 to 100",
        "messages that whoever enters a chat room is shown; `0`: none are kept",
    )
    CHAT_RETENTION = Variable(
        Integer(validate=Range(1, 8760)),
        "24",
        "a whole number from 1 to 8760",
        "hours for which a chat room keeps messages",
    )
    ICE_SERVERS = Variable(
        Parsed(ice_servers),
        "",
        "a comma-separated list of stun:host:port and turn:user:password@host:port",
        "STUN and TURN servers, which voice rooms need across networks",
        is_secret=True,
    )

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        values = {variable.name: variable.read(environ) for variable in VARIABLES}
        vars(self).update(values)
        if not environ.get("RELEASES_DIR"):
            vars(self)["RELEASES_DIR"] = self.DATA_DIR / "releases"
        self.embedded_redis = not self.REDIS_URL
        if self.embedded_redis:
            vars(self)["REDIS_URL"] = [f"unix://{quote(str(self.run_dir / 'redis.sock'))}"]

    @property
    def run_dir(self) -> Path:
        """The folder of the sockets: in DATA_DIR, or elsewhere if its path is too long or has a %.

        supervisord expands % in some of its paths twice.
        """
        run_dir = self.DATA_DIR / "run"
        if len(os.fsencode(run_dir)) <= LONGEST_RUN_DIR and "%" not in str(run_dir):
            return run_dir
        name = hashlib.sha256(os.fsencode(self.DATA_DIR)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"liveblog-{os.getuid()}-{name}"


VARIABLES = tuple(value for value in vars(Environment).values() if isinstance(value, Variable))
# Those that are made at the first start and stored in DATA_DIR, below their names in small letters.
SECRETS = ("SECRET_KEY", "VAPID_PRIVATE_KEY")
NAMES = frozenset(name for variable in VARIABLES for name in variable.names)
