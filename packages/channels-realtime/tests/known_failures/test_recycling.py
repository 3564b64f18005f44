"""Workers that end after a number of messages, or above a memory limit, lose nothing."""

import signal

import pytest
from harness.load import Load
from harness.stack import Stack
from harness.waiting import wait_until


@pytest.mark.parametrize("threads", ["1", "3"])
def test_workers_that_are_recycled_under_load_lose_nothing(threads):
    recycled = 0
    with Stack(capacity=100_000) as stack, Load(stack) as load:
        while recycled < 4:
            worker = stack.worker("--threads", threads, "--max-messages", "100")
            wait_until(lambda: not worker.is_running(), "its end")  # noqa: B023
            assert worker.wait() == 0, worker.output()
            assert "it has reached" in worker.output()
            recycled += 1
        last = stack.worker()
        load.wait_for_progress()
        sent = load.stop()
        stack.wait_for_lines("numbers", sent)
        assert sorted(map(int, stack.book("numbers"))) == list(range(sent))
        assert last.stop() == 0
        # What the consumers sent is complete as well.
        assert stack.layer.channel_statistics("answers")["messages_count"] == sent


def test_a_worker_that_has_grown_ends_after_its_message():
    with Stack() as stack:
        front, worker = stack.interface(), stack.worker("--max-memory", "250")
        with front.websocket() as socket:
            assert socket.ask("grow") == "grown by 300 MiB"
            assert worker.wait() == 0
            assert "MiB of memory" in worker.output()
            socket.send("waits for the next")
            worker = stack.worker("--max-memory", "250")
            assert socket.recv() == "waits for the next"
            assert worker.is_running() and worker.stop(signal.SIGTERM) == 0
