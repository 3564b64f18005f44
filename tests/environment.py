"""A pytest plugin, loaded before Django's settings: this run's own data folder and Redis."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from harness.environment import pytest_configure, pytest_runtest_makereport, redis_server

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_unconfigure",
    "redis_server",
]

TESTS = Path(__file__).resolve().parent
# Folders whose files take minutes, the longest first: a file belongs to one of xdist's processes,
# and what begins last must be short.
LONGEST_FIRST = ("deploy", "chaos", "e2e", "bench", "consumers")

data_dir = tempfile.mkdtemp(prefix="liveblog-test-")
for name in ("DATABASE_URL", "CHANNEL_KEYS", "HOST", "PORT", "DEBUG", "ALLOWED_HOSTS"):
    os.environ.pop(name, None)
os.environ.update(DATA_DIR=data_dir, SECRET_KEY="only for tests " * 3)
# The tests' servers are on this machine.
os.environ["WEBHOOK_NETWORKS"] = os.environ["ALERTS_NETWORKS"] = "0.0.0.0/0,::/0"
os.environ["LINK_CARD_NETWORKS"] = "127.0.0.0/8"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=rank)  # stable: within a folder, the order stays


def rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def pytest_unconfigure(config: pytest.Config) -> None:
    redis_server.close()
    shutil.rmtree(data_dir, ignore_errors=True)
