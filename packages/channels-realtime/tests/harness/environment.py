"""A pytest plugin, loaded before Django's settings: this run's own Redis."""

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from harness.process import Process
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last lines of each running process below a failure."""
    report = yield
    if report.failed:
        for process in Process.logged:
            if process.is_running() and process.log and process.log.exists():
                title = f"log of process {process.pid}, {process.popen.args}"
                report.sections.append((title, process.output()[-4000:]))
    return report
