"""A pytest plugin, loaded before Django's settings: this run's own Redis."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from harness.redis_servers import RedisServer

redis_server = RedisServer()
os.environ["REDIS_URL"] = redis_server.url

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


def pytest_configure(config: pytest.Config) -> None:
    redis_server.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    redis_server.close()
