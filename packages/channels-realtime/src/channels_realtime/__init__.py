"""The transport: Channels 1.x on today's Python, usable by any Channels 1.x project.

install() makes the legacy packages importable. It must run before the first import of any of them,
so this module imports none; the channel layers are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

from channels_realtime import close_codes
from channels_realtime.compat import UnsupportedPackage, install

if TYPE_CHECKING:
    from channels_realtime.layer import RedisChannelLayer, RedisSentinelChannelLayer

__all__ = [
    "RedisChannelLayer",
    "RedisSentinelChannelLayer",
    "UnsupportedPackage",
    "close_codes",
    "install",
]


def __getattr__(name: str) -> Any:
    if name in ("RedisChannelLayer", "RedisSentinelChannelLayer"):
        from channels_realtime import layer

        return getattr(layer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
