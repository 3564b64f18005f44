"""Django's settings. Those that an operator may choose are read by proj/environment.py."""

import base64
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import dj_database_url

from proj.branding import brand_of
from proj.environment import BASE, ROOT, Environment
from proj.environment_fields import P256_ORDER, parse_sentinel
from proj.logs import is_no_readiness_check, without_needless_traceback

environment = Environment()

ENVIRONMENT = environment  # for proj/checks.py and ops/apps.py
DEBUG = environment.DEBUG
ALLOWED_HOSTS = environment.ALLOWED_HOSTS + [environment.HOST]
DATA_DIR = environment.DATA_DIR
DATA_DIR.mkdir(parents=True, exist_ok=True)


def kept_secret(name: str, make: Callable[[], str]) -> str:
    """The key that the first start made; of two starts at once, the first link wins."""
    path = DATA_DIR / name
    if not path.exists():
        draft = DATA_DIR / f"{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(make())
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


def new_vapid_key() -> str:
    """A P-256 private key: a number from 1 to the order without it, as base64url."""
    number = 1 + secrets.randbelow(P256_ORDER - 1)
    return base64.urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")


SECRET_KEY = environment.SECRET_KEY or kept_secret("secret_key", lambda: secrets.token_urlsafe(48))
VAPID_PRIVATE_KEY = environment.VAPID_PRIVATE_KEY or kept_secret("vapid_private_key", new_vapid_key)

INSTALLED_APPS = [
    "channels_realtime",
    "channels",
    "proj",
    "liveblog",
    "accounts",
    "conversations",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "axes",
    "ops",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "proj.static.Files",
    # Here and not in nginx: what its cache keeps for a second is then compressed once a second.
    "django.middleware.gzip.GZipMiddleware",
    "proj.languages.middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "liveblog.link_cards.policy.middleware",
]

ROOT_URLCONF = "proj.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        environment.DATABASE_URL or "sqlite://",
        # A worker handles thousands of messages per second, on one connection.
        conn_max_age=600,
        conn_health_checks=True,
    )
}
DATABASE = DATABASES["default"]
# Django's backends, with deadlines.
DATABASE["ENGINE"] = DATABASE["ENGINE"].replace("django.db.backends", "database")
if DATABASE["ENGINE"] == "database.sqlite3":
    named = DATABASE["NAME"] if environment.DATABASE_URL else DATA_DIR / "db.sqlite3"
    # Relative to the project, as DATA_DIR.
    DATABASE["NAME"] = str(BASE / named)
    # Django's default, which pytest-django's parallel runs look up by the name of Django's engine.
    DATABASE["TEST"] = {"NAME": ":memory:"}
    DATABASE["OPTIONS"] = {
        # Writers queue at BEGIN; a deferred one would fail at its first write.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # s for the lock; workers have a shorter one, see database/sqlite3
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# See packages/channels-realtime/README.md.
LAYER_CONFIG: dict[str, object] = {
    "symmetric_encryption_keys": environment.CHANNEL_KEYS,
    # What workers can do in about a second; clients beyond that are asked to try again later.
    "capacity": 2000,
    "memory_budget": environment.MEMORY_BUDGET,
    # Their messages stay in Redis until a worker has finished with them: even if a worker dies, a
    # mail is sent, and a socket that was closed leaves its room.
    "acknowledged": [
        "accounts.low-balance-mail",
        "accounts.password-reset-mail",
        "liveblog.invitation-mail",
        "liveblog.review-mail",
        "websocket.disconnect",
    ],
}
if environment.REDIS_URL[0].startswith("sentinel://"):
    LAYER = "channels_realtime.layer.RedisSentinelChannelLayer"
    sentinels = [parse_sentinel(url) for url in environment.REDIS_URL]
    LAYER_CONFIG |= {
        "hosts": sentinels[0].servers,
        "services": [sentinel.service for sentinel in sentinels],
        "connection_kwargs": {"password": sentinels[0].password},
    }
else:
    LAYER = "channels_realtime.layer.RedisChannelLayer"
    LAYER_CONFIG["hosts"] = environment.REDIS_URL
CHANNEL_LAYERS = {
    "default": {"BACKEND": LAYER, "ROUTING": "routing.channel_routing", "CONFIG": LAYER_CONFIG}
}
# Sessions of sockets (channel_session), which end with the socket; logins have another store.
CHANNEL_SESSION_ENGINE = "channels_realtime.sessions"

CONSUMER_TIMEOUT = environment.CONSUMER_TIMEOUT

# Refuses a login after too many failed ones, on every login page, before a password is checked.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# By name and address together: nobody can lock out a user from another address. The address is that
# of the client, which interface servers take from the proxies that they trust (TRUSTED_HOPS); of
# IPv6 its /64.
AXES_CLIENT_IP_CALLABLE = "conversations.addresses.address_for_axes"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10  # a person who has forgotten a password gives up before
AXES_COOLOFF_TIME = timedelta(minutes=15)  # 40 guesses an hour find no password
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the page says how long to wait
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
# Addresses are stored for as long as they count, not as a log of all logins.
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = False  # `manage.py axes_reset_username` unlocks
AXES_VERBOSE = False  # no line at the start of each process

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
PASSWORD_RESET_TIMEOUT = 3600  # s that the link in a mail works; Django's default is three days
# Interface servers take the scheme from a proxy they trust (TRUSTED_HOPS); request.is_secure() is
# right without SECURE_PROXY_SSL_HEADER, which would believe anybody.
CSRF_TRUSTED_ORIGINS = [
    f"{scheme}://{'*' if host.startswith('.') else ''}{host}"
    for scheme in (("https",) if environment.HTTPS else ("https", "http"))
    for host in environment.ALLOWED_HOSTS
    if host != "*"
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.HTTPS
SECURE_SSL_REDIRECT = environment.HTTPS
# Requested from inside, not through the proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if environment.HTTPS else 0  # s; a year
# HSTS for subdomains and in browsers' lists is the decision of the domain's owner.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CSRF_FAILURE_VIEW = "liveblog.editing.decorators.csrf_failure"
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "中文")]  # nginx.conf knows these codes too
LANGUAGE_COOKIE_AGE = 31_536_000  # s; a year
LANGUAGE_COOKIE_SECURE = environment.HTTPS
LOCALE_PATHS = [ROOT / "proj" / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
# The served files of all releases. A release has its static files in its own folder and copies them
# there (proj/static.py); a checkout collects into it.
PUBLISHED_STATIC = DATA_DIR / "static"
PUBLISHED_STATIC.mkdir(exist_ok=True)
COLLECTED_STATIC = ROOT / "collected_static"  # deploy/building.py makes it
STATIC_ROOT = COLLECTED_STATIC if COLLECTED_STATIC.is_dir() else PUBLISHED_STATIC
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "proj.static.HashedFiles"},
}
WHITENOISE_USE_FINDERS = True
# Read each file's size again: one from before a release would truncate the new file.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_MAX_AGE = 60  # s, for names without a hash
MEDIA_URL = "/media/"
MEDIA_MAX_MB = environment.MEDIA_MAX_MB
MEDIA_ROOT = DATA_DIR / "media"
MEDIA_ROOT.mkdir(exist_ok=True)
# The web server, another user, must be able to read these folders with any umask.
for folder in (PUBLISHED_STATIC, MEDIA_ROOT):
    if folder.stat().st_uid == os.getuid():
        folder.chmod(0o755)
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755

BRAND = brand_of(environment)

API_TOKENS = environment.API_TOKENS
EXAMPLES = environment.EXAMPLES == "1" or not (environment.EXAMPLES or environment.HTTPS)
CONSOLE = environment.EXAMPLES == "1" or (DEBUG and not environment.EXAMPLES)
EMBED_ORIGINS = environment.EMBED_ORIGINS
WEBHOOK_NETWORKS = environment.WEBHOOK_NETWORKS
LINK_CARDS = environment.LINK_CARDS
LINK_CARD_NETWORKS = environment.LINK_CARD_NETWORKS

ALERTS = environment.ALERTS
ALERTS_NETWORKS = environment.ALERTS_NETWORKS
# RFC 8292, section 2.1: a mailto: or https: address.
ALERTS_CONTACT = environment.ALERTS_CONTACT or (
    f"mailto:{environment.EMAIL_FROM}"
    if environment.ALLOWED_HOSTS[0] == "*"
    else f"https://{environment.ALLOWED_HOSTS[0].removeprefix('.')}"
)

# Without EMAIL_URL, mails are written to files, and pages do not offer to send any.
MAIL_IS_CONFIGURED = bool(environment.EMAIL_URL)
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_TIMEOUT = 10  # s: a worker does not wait longer for a mail server
if environment.EMAIL_URL:
    vars().update(environment.EMAIL_URL)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.EMAIL_FROM

CHAT_HISTORY = environment.CHAT_HISTORY
CHAT_RETENTION = environment.CHAT_RETENTION
ICE_SERVERS = environment.ICE_SERVERS

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "proj.logs.JsonFormatter"},
    },
    "filters": {
        "readiness": {
            "()": "django.utils.log.CallbackFilter",
            "callback": is_no_readiness_check,
        },
        "tracebacks": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_needless_traceback,
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": environment.LOG_FORMAT,
            "filters": ["readiness", "tracebacks"],
        },
        "count": {"class": "proj.logs.CountingHandler", "level": "ERROR", "filters": ["readiness"]},
    },
    "root": {"handlers": ["stderr", "count"], "level": "INFO"},
    # channels.log adds a handler of its own to this one, which has the exceptions in consumers.
    "loggers": {
        "django.channels": {"handlers": ["count"], "propagate": False},
        "axes": {"level": "WARNING"},
    },
}
