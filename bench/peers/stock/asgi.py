"""The channel layer that the interface server is given."""

from django.conf import settings

settings.INSTALLED_APPS  # noqa: B018 - loading the settings makes channels importable

from channels.asgi import get_channel_layer  # noqa: E402

channel_layer = get_channel_layer()
