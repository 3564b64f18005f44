"""Makes channels 1.1.8, daphne 1.4.2 and asgi-redis 1.4.3 run on a supported Django and Python.

`install()` must run before the first import of any of them; importing `proj` does that. Each bridge
below is one function that says what broke. All monkeypatches of the legacy packages live here.
"""

import importlib
import importlib.util
import sys
import time
import types
from importlib import metadata
from pathlib import Path

WRITTEN_FOR = {"channels": "1.1.8", "daphne": "1.4.2", "asgi-redis": "1.4.3"}
LEGACY_ASGIREF = Path(sys.prefix) / "legacy" / "asgiref"


class UnsupportedPackage(ImportError):
    """A legacy package is missing or has a version that the bridges were not written for."""

    def __init__(self, package, found, needed):
        super().__init__(package, found, needed)
        self.package, self.found, self.needed = package, found, needed

    def __str__(self):
        found = f"{self.package} {self.found} is installed" if self.found else "none is installed"
        return f"channels_realtime.compat needs {self.package} {self.needed}, but {found}."


def install():
    """Apply every bridge once; later calls do nothing. Raises UnsupportedPackage."""
    if getattr(sys.modules.get("django.utils.six"), "bridged_by", None) == __name__:
        return
    refuse_other_versions()
    for bridge in BRIDGES:
        bridge()


def refuse_other_versions():
    """A patch of code that it was not written for breaks in ways that nobody understands."""
    for package, needed in WRITTEN_FOR.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            found = None
        if found != needed:
            raise UnsupportedPackage(package, found, needed)


def extend_asgiref():
    """asgi-redis needs asgiref 1.1.2, Django asgiref 3: one package name, one common module, wsgi.

    1.1.2 is installed into a folder of its own, searched after asgiref 3's.
    """
    import asgiref

    if importlib.util.find_spec("asgiref.base_layer"):
        return
    if not (LEGACY_ASGIREF / "base_layer.py").exists():
        raise UnsupportedPackage(f"asgiref (in {LEGACY_ASGIREF.parent})", None, "1.1.2")
    asgiref.__path__.append(str(LEGACY_ASGIREF))


def provide_cgi():
    """channels.handler imports `cgi`, which left Python 3.13; PyPI's legacy-cgi brings it back."""
    if importlib.util.find_spec("cgi") is None:
        raise UnsupportedPackage("legacy-cgi", None, "(for Python 3.13)")


def provide_distutils():
    """channels.package_checks imports distutils' StrictVersion, which left Python 3.12."""
    if importlib.util.find_spec("distutils"):
        return
    from packaging.version import Version

    distutils = types.ModuleType("distutils")
    distutils.version = types.ModuleType("distutils.version")
    distutils.version.StrictVersion = Version
    sys.modules["distutils"] = distutils
    sys.modules["distutils.version"] = distutils.version


def alias_six():
    """Django 3 removed django.utils.six, which most modules of channels import."""
    import django.utils
    import six

    alias = types.ModuleType("django.utils.six")
    alias.__dict__.update({k: v for k, v in vars(six).items() if not k.startswith("__")})
    alias.bridged_by = __name__
    django.utils.six = alias
    sys.modules["django.utils.six"] = alias
    sys.modules["django.utils.six.moves"] = six.moves
    sys.modules["django.utils.six.moves.urllib"] = six.moves.urllib
    sys.modules["django.utils.six.moves.urllib.parse"] = six.moves.urllib.parse
    sys.modules["django.utils.six.moves.urllib.request"] = six.moves.urllib.request


def accept_providing_args():
    """channels.signals passes Signal(providing_args=), documentation that Django 4 refuses."""
    import django.dispatch

    class Signal(django.dispatch.Signal):
        def __init__(self, providing_args=None, use_caching=False):
            super().__init__(use_caching=use_caching)

    original, django.dispatch.Signal = django.dispatch.Signal, Signal
    try:
        import channels.signals  # noqa: F401
    finally:
        django.dispatch.Signal = original


def rename_delay_app():
    """The label `channels.delay` is no identifier, which Django 3 refuses."""
    from channels.delay.apps import DelayConfig

    DelayConfig.label = "channels_delay"


def pack_with_current_msgpack():
    """asgi-redis calls unpackb(encoding=), which msgpack 1.0 removed: text is UTF-8 anyway."""
    import asgi_redis.core
    import msgpack

    def unpackb(packed, encoding="utf8", **options):
        # ASGI allows any key that msgpack can hold; msgpack 1.0 admits only text by default.
        return msgpack.unpackb(packed, strict_map_key=False, **options)

    asgi_redis.core.msgpack = types.SimpleNamespace(packb=msgpack.packb, unpackb=unpackb)


def add_to_groups_with_current_redis():
    """asgi-redis calls zadd(key, member=score); redis-py 3 takes one mapping."""
    from asgi_redis.core import BaseRedisChannelLayer

    def group_add(self, group, channel):
        """Add the channel to the group; members leave after `group_expiry` seconds."""
        assert self.valid_group_name(group), "Group name not valid"
        assert self.valid_channel_name(channel), "Channel name not valid"
        key = self._group_key(group)
        connection = self.connection(self.consistent_hash(group))
        connection.zadd(key, {channel: time.time()})
        connection.expire(key, self.group_expiry)

    BaseRedisChannelLayer.group_add = group_add


def outwait_blpop():
    """redis-py 8 gives up on a socket after 5 s, just when an idle BLPOP of 5 s would answer."""
    from asgi_redis.core import RedisChannelLayer

    original = RedisChannelLayer._generate_connections

    def _generate_connections(self, hosts, redis_kwargs):
        # Twice the longest wait: an answer comes by then, or the connection is dead.
        patience = {"socket_timeout": 2 * self.blpop_timeout}
        return original(self, hosts, patience | redis_kwargs)

    RedisChannelLayer._generate_connections = _generate_connections


def name_sessions_by_reply_channel():
    """channels hashes the reply channel's name away before its session engine could see whose
    socket the session belongs to. An engine that asks for the name gets it."""
    import channels.sessions
    from django.conf import settings

    original = channels.sessions.session_for_reply_channel

    def session_for_reply_channel(reply_channel):
        name = getattr(settings, "CHANNEL_SESSION_ENGINE", settings.SESSION_ENGINE)
        store = importlib.import_module(name).SessionStore
        if hasattr(store, "for_reply_channel"):
            return store.for_reply_channel(reply_channel)
        return original(reply_channel)

    channels.sessions.session_for_reply_channel = session_for_reply_channel


def order_without_wedging():
    """channels' enforce_ordering waits for ever for a message that failed or was lost."""
    import channels.sessions

    from channels_realtime.worker.ordering import enforce_ordering

    channels.sessions.enforce_ordering = enforce_ordering


BRIDGES = (
    extend_asgiref,
    provide_cgi,
    provide_distutils,
    alias_six,
    accept_providing_args,
    rename_delay_app,
    pack_with_current_msgpack,
    add_to_groups_with_current_redis,
    outwait_blpop,
    name_sessions_by_reply_channel,
    order_without_wedging,
)
