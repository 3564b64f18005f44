"""The channel layer's own Redis, for what a conversation must know across workers for a while."""

import hashlib

from channels import DEFAULT_CHANNEL_LAYER, channel_layers


def layer():
    return channel_layers[DEFAULT_CHANNEL_LAYER]


def redis():
    """A redis-py client of the shard that holds the conversations, or of the next that answers."""
    return layer().ring[layer().home("conversations")].client


def key(kind: str, *names: str) -> str:
    """A key of ours. Names are hashed: they may be of any script, and are nobody's business."""
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    return f"{layer().prefix}:{kind}:{digest}"
