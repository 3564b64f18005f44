import os

OURS = os.environ["SMALL_STACK"] == "ours"

SECRET_KEY = "only for tests " * 3
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "small.urls"
INSTALLED_APPS = (["channels_realtime"] if OURS else []) + ["channels"]
MIDDLEWARE = []
DATABASES = {}
SESSION_ENGINE = "django.contrib.sessions.backends.file"
SESSION_FILE_PATH = os.environ["SMALL_SESSIONS"]
if OURS:
    CHANNEL_SESSION_ENGINE = "channels_realtime.sessions"

# "sentinel:PORT/SERVICE", or the addresses of one or several Redis servers.
REDIS = os.environ["SMALL_REDIS"]
if REDIS.startswith("sentinel:"):
    port, _, service = REDIS.removeprefix("sentinel:").partition("/")
    LAYER = "channels_realtime.layer.RedisSentinelChannelLayer"
    HOSTS = {"hosts": [("127.0.0.1", int(port))], "services": [service]}
else:
    LAYER = "channels_realtime.layer.RedisChannelLayer" if OURS else "asgi_redis.RedisChannelLayer"
    HOSTS = {"hosts": REDIS.split(",")}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": LAYER,
        "ROUTING": "small.routing.channel_routing",
        "CONFIG": HOSTS
        | {
            "capacity": int(os.environ["SMALL_CAPACITY"]),
            "group_expiry": int(os.environ["SMALL_GROUP_EXPIRY"]),
            "symmetric_encryption_keys": os.environ.get("SMALL_KEYS", "").split(),
        }
        | (
            {
                "acknowledged": os.environ.get("SMALL_ACKNOWLEDGED", "careful").split(","),
                "attempts": int(os.environ["SMALL_ATTEMPTS"]),
            }
            if OURS
            else {}
        ),
    }
}
# Each worker connects once before it says that it listens.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.channels": {"handlers": [], "propagate": True}},
}
