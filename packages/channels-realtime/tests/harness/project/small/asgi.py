import os

from channels.asgi import get_channel_layer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "small.settings")

channel_layer = get_channel_layer()
if "SMALL_HELD_PACKING" in os.environ:
    from small.held_packing import HeldPacking

    channel_layer.codec.crypter = HeldPacking(channel_layer.codec.crypter)
