"""Django's settings and this run's Redis; real processes are started by the tests themselves."""

import os

from channels_realtime import compat

compat.install()

from harness.environment import (  # noqa: E402
    pytest_configure,
    pytest_runtest_makereport,
    pytest_unconfigure,
)

__all__ = ["pytest_configure", "pytest_runtest_makereport", "pytest_unconfigure"]

os.environ["DJANGO_SETTINGS_MODULE"] = "harness.settings"
