"""Settings of a small Channels 1.x project; REDIS_URL and CHANNEL_LAYER come from outside."""

import os

from channels_realtime import compat

# Without this the packages do not import on today's Django and Python; nothing else is taken.
compat.install()

SECRET_KEY = "for the benchmark only: nobody logs in"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.peers.channels1"
INSTALLED_APPS = ["channels"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {}
USE_TZ = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ["CHANNEL_LAYER"],
        "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
        "ROUTING": "bench.peers.channels1.channel_routing",
    },
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
