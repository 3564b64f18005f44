"""Row 52: a worker that hangs is found, killed and reported, and nothing else is."""

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from channels_realtime.metrics.counters import Hung, hung_workers
from harness.clients import status_of
from harness.process import Process, runs, stopped
from harness.stack import Stack
from harness.waiting import wait_until

LIMIT = "4"  # s; CONSUMER_TIMEOUT in these tests: a busy machine may stop a worker for a while


@pytest.fixture
def stack():
    with Stack() as stack:
        stack.front = stack.interface()
        yield stack


def wait_for_report(worker: Process) -> str:
    """What the worker's process and its watcher have written, once the report is complete."""
    assert worker.wait() == -signal.SIGKILL, worker.output()
    wait_until(lambda: "Killing the worker" in worker.output(), "the report")
    return worker.output()


def children(pid: int) -> set[int]:
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # the thread ended between the listing and the reading
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def pass_time(stack: Stack, seconds: float) -> None:
    """Until so much time has passed for Redis."""
    begin = stack.redis.time()[0]
    wait_until(lambda: stack.redis.time()[0] > begin + seconds, "some time")


def test_row_52_a_hung_worker_is_killed_and_the_next_one_goes_on(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    with stack.front.websocket() as socket:
        socket.send("hold")
        assert worker.wait() == -signal.SIGKILL
        stack.worker(CONSUMER_TIMEOUT=LIMIT)
        assert socket.ask("goes on") == "goes on"
    assert len(stack.book("held")) == 1  # at most once


def test_row_52_the_log_has_the_stack_and_the_lost_message(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    with stack.front.websocket() as socket:
        socket.send("hold")
        report = wait_for_report(worker)
    assert "a message on websocket.receive" in report
    assert re.search(r"book\.py\", line \d+ in wait_at_gate", report)
    assert "1 message is lost: websocket.receive" in report
    wait_until(lambda: hung_workers(stack.layer), "the count")
    [(channel, count)] = hung_workers(stack.layer).items()
    assert (channel, count.workers, count.messages) == ("websocket.receive", 1, 1)


def test_row_52_an_acknowledged_message_goes_to_the_next_worker(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    stack.layer.send("careful", {"number": 1})
    assert "1 message is delivered again: careful" in wait_for_report(worker)
    stack.open_gate()
    stack.worker()
    assert stack.wait_for_lines("done", 1) == ["1"]
    wait_until(lambda: hung_workers(stack.layer), "the count")
    assert hung_workers(stack.layer)["careful"] == Hung(workers=1, messages=0)


def test_row_52_a_worker_that_is_stuck_in_c_code_is_killed_with_its_stack(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    with stack.front.websocket() as socket:
        socket.send("stick")
        assert re.search(r"consumers\.py\", line \d+ in stick", wait_for_report(worker))


def test_row_52_of_several_threads_the_stuck_one_is_shown(stack):
    """The limit of the other thread's channel is longer, and its message is lost as well."""
    worker = stack.worker("--threads", "2", CONSUMER_TIMEOUT=f"{LIMIT},http.*=60")
    with stack.front.raw() as slow, stack.front.websocket() as socket:
        slow.sendall(b"GET /held/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stack.wait_for_lines("held", 1)
        socket.send("stick in python")
        report = wait_for_report(worker)
    assert " in stick_in_python" in report and " in held_response" not in report
    assert "2 messages are lost: http.request, websocket.receive" in report


def test_row_52_a_channel_may_take_longer_than_the_others(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=f"{LIMIT},websocket.receive=60,http.*=0")
    with stack.front.raw() as slow, stack.front.websocket() as socket:
        socket.send("hold")
        stack.wait_for_lines("held", 1)
        pass_time(stack, 2 * float(LIMIT))
        stack.open_gate()
        assert socket.recv() == "released"
        stack.clear_book()
        slow.sendall(b"GET /held/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stack.wait_for_lines("held", 1)
        pass_time(stack, 2 * float(LIMIT))
        stack.open_gate()
        assert status_of(slow) == 200
    assert worker.is_running()


def test_row_52_a_frozen_worker_with_a_message_is_killed(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    with stack.front.websocket() as socket:
        socket.send("hold")
        stack.wait_for_lines("held", 1)
        worker.send_signal(signal.SIGSTOP)
        report = wait_for_report(worker)
    assert "the process is stopped" in report
    assert "1 message is lost: websocket.receive" in report


def test_row_52_a_frozen_idle_worker_is_replaced_and_handles_what_redis_gave_it(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    with stack.front.websocket() as socket:
        assert socket.ask("here") == "here"
        worker.send_signal(signal.SIGSTOP)
        # Redis answers the waiting pop of the frozen worker.
        socket.send("late")
        assert worker.wait() == 0, worker.output()
        assert socket.recv() == "late"
    assert "has given no sign of life" in worker.output()


def test_row_52_a_stop_of_the_whole_machine_kills_nobody(stack):
    """Suspend, a paused container, Ctrl-Z: the watcher stands still as long as its worker."""
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    [watcher] = children(worker.pid)
    with stack.front.websocket() as socket:
        socket.send("hold")
        stack.wait_for_lines("held", 1)
        with stopped(watcher, worker.pid):
            pass_time(stack, 2 * float(LIMIT))
        stack.open_gate()
        assert socket.recv() == "released"
    assert worker.is_running()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_row_52_the_watcher_ends_with_its_worker(stack, signum):
    worker = stack.worker()
    [watcher] = children(worker.pid)
    worker.stop(signum)
    wait_until(lambda: not runs(watcher), "the end of the watcher")


def test_row_52_a_watcher_that_dies_is_replaced_and_leaves_no_zombie(stack):
    worker = stack.worker(CONSUMER_TIMEOUT=LIMIT)
    [watcher] = children(worker.pid)
    os.kill(watcher, signal.SIGKILL)
    wait_until(lambda: children(worker.pid) - {watcher}, "another watcher")
    assert watcher not in children(worker.pid)
    with stack.front.websocket() as socket:
        socket.send("hold")
        wait_for_report(worker)


def test_row_52_without_a_limit_there_is_no_watcher(stack):
    assert children(stack.worker(CONSUMER_TIMEOUT="0").pid) == set()
