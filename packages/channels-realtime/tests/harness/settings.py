"""A project with nothing in it but the transport."""

import os

from channels_realtime import compat

compat.install()

SECRET_KEY = "only for tests"
INSTALLED_APPS = ["channels_realtime", "channels"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_realtime.layer.RedisChannelLayer",
        "ROUTING": "harness.routing.channel_routing",
        "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
    }
}
