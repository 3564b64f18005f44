"""A pytest plugin, loaded before Django's settings: this run's own data folder and Redis."""

import os
import shutil
import tempfile

import pytest
from harness.environment import pytest_configure, redis_server

__all__ = ["pytest_configure", "pytest_unconfigure", "redis_server"]

data_dir = tempfile.mkdtemp(prefix="liveblog-test-")
for name in ("DATABASE_URL", "CHANNEL_KEYS", "HOST", "PORT", "DEBUG", "ALLOWED_HOSTS"):
    os.environ.pop(name, None)
os.environ.update(DATA_DIR=data_dir, SECRET_KEY="only for tests " * 3)


def pytest_unconfigure(config: pytest.Config) -> None:
    redis_server.stop()
    shutil.rmtree(data_dir, ignore_errors=True)
