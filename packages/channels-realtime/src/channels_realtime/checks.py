"""Django system checks: settings that are valid and yet not what the owner of a project wants.

They run where `channels_realtime` is in INSTALLED_APPS. Silence one by its id with the setting
SILENCED_SYSTEM_CHECKS.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from channels import channel_layers
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.management import find_commands
from django.db import DatabaseError, connections

from channels_realtime.doctor.installed import names_of, source_of
from channels_realtime.layer.suitability import examine

SESSIONS = "channels_realtime.sessions"
OLD_DELAY_TABLE = "channels.delay_delayedmessage"
# The layer sets these itself, so that every command to Redis has a deadline.
OWN_DEADLINES = ("retry", "socket_connect_timeout", "socket_timeout")


def default_layer() -> dict[str, Any]:
    """The configuration of the default channel layer; empty if there is none."""
    layer: dict[str, Any] = getattr(settings, "CHANNEL_LAYERS", {}).get("default", {})
    return layer


def is_our_layer(layer: dict[str, Any]) -> bool:
    return str(layer.get("BACKEND", "")).startswith("channels_realtime.")


@register()
def app_comes_first(**options: object) -> Iterator[CheckMessage]:
    names = [config.name for config in apps.get_app_configs()]
    ours = names.index("channels_realtime")
    for name, command in (("channels", "runworker"), ("django.contrib.staticfiles", "runserver")):
        if name in names[:ours]:
            yield Warning(
                f"`{name}` comes before `channels_realtime` in INSTALLED_APPS, so its"
                f" `{command}` is the one that runs.",
                hint="Name channels_realtime first.",
                id="channels_realtime.W001",
            )


@register()
def own_commands_run(**options: object) -> Iterator[CheckMessage]:
    """Of two apps with a command of the same name, the first one's is run."""
    configs = list(apps.get_app_configs())
    ours = [config.name for config in configs].index("channels_realtime")
    for config in configs[ours + 1 :]:
        if config.name in ("channels", "django.contrib.staticfiles"):
            continue
        commands = find_commands(os.path.join(config.path, "management"))
        for command in {"runserver", "runworker"}.intersection(commands):
            yield Warning(
                f"The `{command}` of `{config.name}` never runs, because `channels_realtime` comes"
                " before it in INSTALLED_APPS.",
                hint=f"Derive it from channels_realtime.management.commands.{command}.Command, and"
                " name its app first.",
                id="channels_realtime.W009",
            )


@register()
def session_engine_fits(**options: object) -> Iterator[CheckMessage]:
    layer = default_layer()
    engine = getattr(settings, "CHANNEL_SESSION_ENGINE", None)
    if engine == SESSIONS and layer and not is_our_layer(layer):
        yield Warning(
            f"CHANNEL_SESSION_ENGINE stores sessions through the layer of channels_realtime, but"
            f" the default one is {layer.get('BACKEND')}, so SESSION_ENGINE stores them.",
            hint='Set BACKEND to "channels_realtime.layer.RedisChannelLayer", or remove'
            " CHANNEL_SESSION_ENGINE.",
            id="channels_realtime.W002",
        )
    if settings.SESSION_ENGINE == SESSIONS:
        yield Error(
            f"SESSION_ENGINE is for the sessions of HTTP requests, which {SESSIONS} cannot store.",
            hint=f'Set CHANNEL_SESSION_ENGINE = "{SESSIONS}" and SESSION_ENGINE as before.',
            id="channels_realtime.E003",
        )


@register()
def asgi_module_exists(**options: object) -> Iterator[CheckMessage]:
    if not settings.SETTINGS_MODULE:
        return  # settings.configure() in a script
    modules = [f"{package}.asgi" if package else "asgi" for package in project_packages()]
    found = [module for module in modules if source_of(module)]
    if any("channel_layer" in names_of(module) for module in found):
        return
    if found:
        sentence = f"{found[0]} defines no channel_layer, which interface servers load."
    else:
        sentence = f"{modules[0].replace('.', '/')}.py is missing, which interface servers load."
    yield Warning(
        sentence,
        hint="Write `from channels.asgi import get_channel_layer` and"
        " `channel_layer = get_channel_layer()` there, after setting DJANGO_SETTINGS_MODULE.",
        id="channels_realtime.W004",
    )


def project_packages() -> list[str]:
    """The packages in which a project may have its asgi.py; the first is the usual one."""
    named = [getattr(settings, "WSGI_APPLICATION", None), getattr(settings, "ROOT_URLCONF", None)]
    package = settings.SETTINGS_MODULE.rpartition(".")[0]
    found = [package.removesuffix(".settings")]
    while package:
        found.append(package)
        package = package.rpartition(".")[0]
    found += [name.partition(".")[0] for name in named if name and "." in name]
    return list(dict.fromkeys(found))


@register(Tags.database)
def delay_table_is_empty(
    databases: Sequence[str] | None = None, **options: object
) -> Iterator[CheckMessage]:
    """channels_realtime.compat renames the app `channels.delay`, and so its table."""
    if not apps.is_installed("channels.delay"):
        return
    from channels.delay.models import DelayedMessage

    is_renamed = DelayedMessage._meta.db_table != OLD_DELAY_TABLE
    for name in databases or () if is_renamed else ():
        connection = connections[name]
        quote = connection.ops.quote_name
        try:
            with connection.cursor() as cursor:
                if OLD_DELAY_TABLE not in connection.introspection.table_names(cursor):
                    continue
                cursor.execute(f"SELECT COUNT(*) FROM {quote(OLD_DELAY_TABLE)}")
                (count,) = cursor.fetchone()
        except DatabaseError:
            continue  # Django's own checks report a database that cannot be read
        if count:
            yield Warning(
                f"{count} delayed messages are in the table {OLD_DELAY_TABLE} of the database"
                f" {name!r}, which is no longer read.",
                hint="Run `migrate`, then start `rundelay`, which moves them.",
                id="channels_realtime.W005",
            )


@register()
def settings_have_an_effect(**options: object) -> Iterator[CheckMessage]:
    if getattr(settings, "ASGI_APPLICATION", None):
        yield without_effect("ASGI_APPLICATION", "Channels 2 and later read it, Channels 1.x not.")
    layer = default_layer()
    if not is_our_layer(layer):
        return
    config = layer.get("CONFIG", {})
    if "attempts" in config and not config.get("acknowledged"):
        yield without_effect("attempts", "It counts for channels that `acknowledged` names.")
    for name in OWN_DEADLINES:
        if name in config.get("connection_kwargs", {}):
            yield without_effect(
                f"connection_kwargs[{name!r}]", "The layer has its own deadlines for Redis."
            )


def without_effect(name: str, reason: str) -> CheckMessage:
    return Warning(
        f"{name} has no effect. {reason}", hint="Remove it.", id="channels_realtime.W006"
    )


@register(deploy=True)
def redis_is_suitable(**options: object) -> Iterator[CheckMessage]:
    """With --deploy only: every other command would wait for a Redis that does not answer."""
    if not is_our_layer(default_layer()):
        return
    layer = channel_layers["default"].channel_layer
    for shard in layer.ring:
        try:
            fault, warning = examine(shard.client, layer.prefix)
        except (redis.RedisError, OSError):
            continue  # it may be reachable from the servers alone
        hint = "Name another Redis in CHANNEL_LAYERS, or change its settings."
        if fault is not None:
            yield Error(f"{shard} {fault.sentence}", hint=hint, id="channels_realtime.E007")
        if warning is not None:
            yield Warning(f"{shard} {warning}", hint=hint, id="channels_realtime.W008")
