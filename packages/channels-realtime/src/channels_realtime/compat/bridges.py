"""What makes the legacy packages import and work as they did on the versions of their time.

A bridge changes nothing before its last step that can fail, so that it may be called again.
"""

import importlib.util
import sys
import time
import types
from typing import Any

from channels_realtime.compat.versions import LEGACY_ASGIREF, UnsupportedPackage


def extend_asgiref() -> None:
    """asgi-redis needs asgiref 1.1.2, Django asgiref 3: one package name, one common module, wsgi.

    1.1.2 is installed into a folder of its own, searched after asgiref 3's.
    """
    import asgiref

    if importlib.util.find_spec("asgiref.base_layer"):
        return
    if not (LEGACY_ASGIREF / "base_layer.py").exists():
        raise UnsupportedPackage("asgiref", None, "1.1.2")
    asgiref.__path__.append(str(LEGACY_ASGIREF))


def provide_cgi() -> None:
    """channels.handler imports `cgi`, which left Python 3.13; PyPI's legacy-cgi brings it back."""
    if importlib.util.find_spec("cgi") is None:
        raise UnsupportedPackage("legacy-cgi", None, "(for Python 3.13)")


def provide_distutils() -> None:
    """channels.package_checks imports distutils' StrictVersion, which left Python 3.12.

    Where there is a distutils, channels alone does without it: setuptools puts its own in its
    place, which takes a tenth of a second in every process.
    """
    from packaging.version import Version

    version = types.ModuleType("distutils.version")
    version.__dict__["StrictVersion"] = Version
    distutils = types.ModuleType("distutils")
    distutils.__dict__["version"] = version
    ours = {"distutils": distutils, "distutils.version": version}
    theirs = {name: sys.modules.pop(name) for name in ours if name in sys.modules}
    sys.modules.update(ours)
    import channels.package_checks  # noqa: F401

    if sys.version_info < (3, 12) or importlib.util.find_spec("_distutils_hack"):
        for name in ours:
            del sys.modules[name]
        sys.modules.update(theirs)


def alias_six() -> None:
    """Django 3 removed django.utils.six, which most modules of channels import."""
    import django.utils
    import six

    alias = types.ModuleType("django.utils.six")
    alias.__dict__.update({k: v for k, v in vars(six).items() if not k.startswith("__")})
    django.utils.__dict__["six"] = alias
    sys.modules["django.utils.six"] = alias
    sys.modules["django.utils.six.moves"] = six.moves
    sys.modules["django.utils.six.moves.urllib"] = six.moves.urllib
    sys.modules["django.utils.six.moves.urllib.parse"] = six.moves.urllib.parse
    sys.modules["django.utils.six.moves.urllib.request"] = six.moves.urllib.request


def accept_providing_args() -> None:
    """channels.signals passes Signal(providing_args=), documentation that Django 4 refuses."""
    import django.dispatch

    class Signal(django.dispatch.Signal):
        def __init__(self, providing_args: object = None, use_caching: bool = False) -> None:
            super().__init__(use_caching=use_caching)

    original = django.dispatch.Signal
    namespace = vars(django.dispatch)
    namespace["Signal"] = Signal
    try:
        import channels.signals  # noqa: F401
    finally:
        namespace["Signal"] = original


def rename_delay_app() -> None:
    """The label `channels.delay` is no identifier, which Django 3 refuses.

    Its migration has an AutoField, so makemigrations would write another one for a project whose
    DEFAULT_AUTO_FIELD is BigAutoField.
    """
    from channels.delay.apps import DelayConfig

    DelayConfig.label = "channels_delay"
    DelayConfig.default_auto_field = "django.db.models.AutoField"


def pack_with_current_msgpack() -> None:
    """asgi-redis calls unpackb(encoding=), which msgpack 1.0 removed: text is UTF-8 anyway."""
    import asgi_redis.core
    import msgpack

    def unpackb(packed: bytes, encoding: str = "utf8", **options: Any) -> Any:
        # ASGI allows any key that msgpack can hold; msgpack 1.0 admits only text by default.
        return msgpack.unpackb(packed, strict_map_key=False, **options)

    asgi_redis.core.msgpack = types.SimpleNamespace(packb=msgpack.packb, unpackb=unpackb)


def add_to_groups_with_current_redis() -> None:
    """asgi-redis calls zadd(key, member=score); redis-py 3 takes one mapping."""
    from asgi_redis.core import BaseRedisChannelLayer

    def group_add(self: BaseRedisChannelLayer, group: str, channel: str) -> None:
        """Add the channel to the group; members leave after `group_expiry` seconds."""
        assert self.valid_group_name(group), "Group name not valid"
        assert self.valid_channel_name(channel), "Channel name not valid"
        key = self._group_key(group)
        connection = self.connection(self.consistent_hash(group))
        connection.zadd(key, {channel: time.time()})
        connection.expire(key, self.group_expiry)

    BaseRedisChannelLayer.group_add = group_add
