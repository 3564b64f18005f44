"""A pytest plugin, loaded before Django's settings: this run's own data folder and Redis."""

import os
import shutil
import signal
import tempfile

from hypothesis import HealthCheck, settings

from tests.services import RedisServer

redis_server = RedisServer()
data_dir = tempfile.mkdtemp(prefix="liveblog-test-")
for name in ("DATABASE_URL", "CHANNEL_KEYS", "HOST", "PORT", "DEBUG", "ALLOWED_HOSTS"):
    os.environ.pop(name, None)
os.environ.update(REDIS_URL=redis_server.url, DATA_DIR=data_dir, SECRET_KEY="only for tests " * 3)


# The same examples in every run, and as long as a busy machine takes for each of them.
settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

# A shell that starts a run in the background has it ignore SIGINT, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    redis_server.start()


def pytest_unconfigure(config):
    redis_server.stop()
    shutil.rmtree(data_dir, ignore_errors=True)
