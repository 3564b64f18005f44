"""Row 52 on the whole product: a worker that hangs is named by /readyz, and replaced."""

import json
import os
import signal
import urllib.error
from pathlib import Path

import pytest
from harness.process import stopped
from harness.waiting import wait_until

from tests.e2e.metrics import samples
from tests.e2e.stack import Stack

WORKERS = "runworker"


@pytest.fixture(scope="module")
def stack():
    with Stack(WORKERS="2", LOG_FORMAT="json") as stack:
        yield stack


def ready(stack: Stack) -> tuple[int, dict]:
    try:
        response = stack.get("/readyz")
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, json.loads(response.read())


def test_row_52_readyz_names_the_half_of_the_workers_that_hangs(stack):
    pid = stack.pids(WORKERS)[0]
    name = environment_of(pid)["SUPERVISOR_PROCESS_NAME"]
    with stopped(pid):
        # The first check may be given to the worker that hangs, and gets another answer.
        answer = wait_until(lambda: named(name, *ready(stack)), "the problem")
        workers = answer["checks"]["workers"]
        assert (workers["status"], workers["working"], workers["expected"]) == ("failing", 1, 2)
        # Alive is what still serves.
        assert stack.get("/healthz").status == 200
    wait_until(stack.healthy, "an answer of /readyz")


def named(name: str, status: int, answer: dict) -> dict | None:
    """The answer if it says that the worker hangs, which names neither host nor process id."""
    problems = [text for text in answer["problems"] if text.startswith(f"{name} has not reported")]
    assert not problems or (status, len(problems)) == (503, 1)
    return answer if problems else None


def environment_of(pid: int) -> dict[str, str]:
    data = Path(f"/proc/{pid}/environ").read_text()
    return dict(item.split("=", 1) for item in data.split("\0") if "=" in item)


def test_row_52_a_frozen_worker_is_replaced_counted_and_logged():
    with Stack(CONSUMER_TIMEOUT="5", LOG_FORMAT="json") as stack:
        before = set(stack.pids(WORKERS))
        watchers = stack.pids("watcher.py")
        assert len(watchers) == len(before) == 2
        frozen = min(before)
        os.kill(frozen, signal.SIGSTOP)
        wait_until(lambda: len(set(stack.pids(WORKERS)) - before) == 1, "another worker")
        wait_until(stack.healthy, "an answer of /readyz")
        assert frozen not in stack.pids(WORKERS)
        channel = wait_until(lambda: hung_at(stack), "the count")
        assert channel in stack.manage("status").stdout
        wait_until(lambda: report_of(stack), "the log")
        assert report_of(stack)["level"] == "ERROR"
        # supervisord collects the watchers of workers that were killed.
        os.kill(max(before), signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in watchers), "their end")


def hung_at(stack: Stack) -> str | None:
    """What the counted worker hung at, as `status` says it; the last /readyz may be at hand yet."""
    counted = {key: number for key, number in samples(stack).items() if number}
    channels = [rest for name, *rest in counted if name == "realtime_hung_workers_total"]
    return "".join(channels[0]) or "no message" if channels else None


def report_of(stack: Stack) -> dict | None:
    lines = stack.output().splitlines()
    found = [line for line in lines if '"channels_realtime.watchdog"' in line]
    return json.loads(found[0]) if found else None
