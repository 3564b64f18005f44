"""The channel layer: what `CHANNEL_LAYERS` names as `BACKEND`."""

from channels_realtime.layer.channel_layer import RedisChannelLayer, RedisSentinelChannelLayer

__all__ = ["RedisChannelLayer", "RedisSentinelChannelLayer"]
