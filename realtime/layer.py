"""The channel layer: messages and groups through Redis."""

from realtime import compat

compat.install()

import asgi_redis  # noqa: E402


class RedisChannelLayer(asgi_redis.RedisChannelLayer):
    """asgi-redis on current redis-py and msgpack; takes asgi-redis's own arguments."""

    def receive_many(self, channels, block=False):
        """The name that Channels 1.x calls; the base class warns on every call of it."""
        return self.receive(channels, block)
