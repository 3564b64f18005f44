import os

import django

SECRET_KEY = "only for tests " * 3
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "board.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    *(() if "BOARD_BRIDGES_ALONE" in os.environ else ("channels_realtime",)),
    "channels",
    "channels.delay",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "board",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["BOARD_DATABASE"],
        # The live server of a test is another process, so the database is a file.
        "TEST": {"NAME": os.environ["BOARD_DATABASE"] + ".test"},
        "OPTIONS": {"timeout": 20}
        | ({"transaction_mode": "IMMEDIATE"} if django.VERSION >= (5, 1) else {}),
    }
}
# No test logs in with a password: nothing is gained from a slow hash.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
IN_MEMORY = os.environ.get("BOARD_LAYER") == "asgiref.inmemory.ChannelLayer"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ.get("BOARD_LAYER", "channels_realtime.layer.RedisChannelLayer"),
        "ROUTING": os.environ.get("BOARD_ROUTING", "board.routing.channel_routing"),
        "CONFIG": {
            "capacity": int(os.environ.get("BOARD_CAPACITY", 100)),
            **(
                {}
                if IN_MEMORY
                else {
                    "hosts": [os.environ["BOARD_REDIS"]],
                    "prefix": os.environ["BOARD_PREFIX"],
                }
            ),
        },
        # Of ChannelLiveServerTestCase.
        "TEST_CONFIG": {
            "hosts": [os.environ["BOARD_REDIS"]],
            "prefix": os.environ["BOARD_PREFIX"] + "test:",
        },
    }
}
if "BOARD_SESSIONS" in os.environ:
    CHANNEL_SESSION_ENGINE = os.environ["BOARD_SESSIONS"]
