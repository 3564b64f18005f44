"""Django's settings and this run's Redis; real processes are started by the tests themselves."""

import os
from collections.abc import Iterator

from channels_realtime import compat

compat.install()

import asgi_redis  # noqa: E402
import pytest  # noqa: E402
from harness.environment import (  # noqa: E402
    pytest_configure,
    pytest_runtest_makereport,
    pytest_unconfigure,
    redis_server,
)

__all__ = ["pytest_configure", "pytest_runtest_makereport", "pytest_unconfigure"]

os.environ["DJANGO_SETTINGS_MODULE"] = "harness.settings"


@pytest.fixture
def stock_layer() -> Iterator[asgi_redis.RedisChannelLayer]:
    """asgi-redis's own layer, bridged only by compat."""
    layer = asgi_redis.RedisChannelLayer(hosts=[redis_server.url], prefix="stock:")
    yield layer
    layer.flush()
