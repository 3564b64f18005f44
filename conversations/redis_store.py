"""The channel layer's Redis, for short-lived data that all workers share."""

import hashlib

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels_realtime.layer import RedisChannelLayer
from redis import Redis


def layer() -> RedisChannelLayer:
    found: RedisChannelLayer = channel_layers[DEFAULT_CHANNEL_LAYER]
    return found


def redis() -> Redis:
    """The client of the shard that holds the conversations' data, or of the next that answers."""
    return layer().ring[layer().home("conversations")].client


def key(kind: str, *names: str) -> str:
    """A key of the conversations. Names are hashed: some are secret, and some are not ASCII."""
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    return f"{layer().prefix}:{kind}:{digest}"
