"""Django system checks for settings that are valid alone but wrong in combination."""

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from channels_realtime import tracing
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


def remote_redis_urls() -> list[str]:
    """The URLs of REDIS_URL that may lead to another host, as every Sentinel's may."""

    def is_remote(url: str) -> bool:
        parts = urlsplit(url)
        is_local = parts.scheme == "unix" or LOOPBACK.fullmatch(parts.hostname or "localhost")
        return parts.scheme == "sentinel" or not is_local

    return [url for url in settings.ENVIRONMENT.REDIS_URL if is_remote(url)]


@register(Tags.security)
def https_needs_a_proxy(**options: object) -> Iterator[CheckMessage]:
    environment = settings.ENVIRONMENT
    if environment.HTTPS and not environment.TRUSTED_HOPS:
        yield Error(
            "HTTPS=1 without TRUSTED_HOPS: no request is seen as secure, all are redirected.",
            hint="Set TRUSTED_HOPS=1 where one nginx stands in front.",
            id="liveblog.E001",
        )


@register(Tags.security, deploy=True)
def debug_is_off(**options: object) -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error(
            "DEBUG=1 shows settings and source code to anyone who causes an error.",
            hint="Unset DEBUG.",
            id="liveblog.E002",
        )


@register(Tags.security, deploy=True)
def hosts_are_named(**options: object) -> Iterator[CheckMessage]:
    environment = settings.ENVIRONMENT
    if "*" in environment.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS=* lets pages of any site open WebSockets with a reader's cookies.",
            hint="Name the site: ALLOWED_HOSTS=blog.example.org.",
            id="liveblog.E003",
        )


@register(Tags.security, deploy=True)
def readers_come_by_https(**options: object) -> Iterator[CheckMessage]:
    if not settings.ENVIRONMENT.HTTPS:
        yield Warning(
            "Logins travel unencrypted: HTTPS is not set.",
            hint="Put TLS into nginx.conf and set HTTPS=1 TRUSTED_HOPS=1 (docs/deployment.md).",
            id="liveblog.W004",
        )


@register(Tags.security, deploy=True)
def a_shared_redis_is_encrypted(**options: object) -> Iterator[CheckMessage]:
    plain = [url for url in remote_redis_urls() if not url.startswith("rediss://")]
    if plain and not settings.ENVIRONMENT.CHANNEL_KEYS:
        yield Warning(
            "What passes through Redis can be read and forged on the way to it.",
            hint="Set CHANNEL_KEYS, or name the Redis by rediss://.",
            id="liveblog.W005",
        )


@register(Tags.database, deploy=True)
def several_hosts_share_no_sqlite(**options: object) -> Iterator[CheckMessage]:
    if remote_redis_urls() and settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield Warning(
            "Redis is on another host and the database a file of this one: a second host would"
            " show other blogs.",
            hint="Set DATABASE_URL to a PostgreSQL that all hosts reach.",
            id="liveblog.W006",
        )


@register()
def traces_can_be_sent(**options: object) -> Iterator[CheckMessage]:
    if tracing.is_wanted(os.environ) and not tracing.is_installed():
        yield Warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT names a collector, but what sends traces is missing.",
            hint="Run deploy/install.sh with this variable set, or make a release.",
            id="liveblog.W007",
        )


@register(Tags.security, deploy=True)
def several_hosts_share_the_key_of_alerts(**options: object) -> Iterator[CheckMessage]:
    environment = settings.ENVIRONMENT
    if remote_redis_urls() and environment.ALERTS and not environment.VAPID_PRIVATE_KEY:
        yield Warning(
            "Redis is on another host and VAPID_PRIVATE_KEY is not set: each host would sign"
            " readers' alerts with a key of its own, and push services would refuse them.",
            hint="Set it to the content of DATA_DIR/vapid_private_key of the first host.",
            id="liveblog.W008",
        )
