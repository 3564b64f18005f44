"""The stock project's settings with one line changed."""

from bench.peers.stock.settings import *  # noqa: F403
from bench.peers.stock.settings import CHANNEL_LAYERS

CHANNEL_LAYERS["default"]["BACKEND"] = "channels_realtime.layer.RedisChannelLayer"
