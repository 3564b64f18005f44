"""What an operator sees: /metrics for Prometheus and `status` for the terminal."""

import pytest
from harness.waiting import wait_until
from websockets.exceptions import ConnectionClosed

from tests.e2e.metrics import samples


def test_metrics_and_status_show_sockets_broadcasts_queues_and_drops(stack, blog):
    with stack.reader(blog) as reader, stack.reader(blog) as flood:
        reader.frame()
        stack.post(blog, "Hello")
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(10_000):
                flood.send("{}")
            while True:
                flood.frame()
        assert closed.value.rcvd.code == 4429

        def published():
            seen = samples(stack)
            flooded = seen.get(("realtime_dropped_total", "flood", "interface"), 0) >= 1
            return flooded and seen

        seen = wait_until(published, "the drop in /metrics")
        assert seen[("realtime_sockets", "interface")] >= 1
        assert seen[("realtime_broadcasts_total", "interface")] >= 1
        assert seen[("realtime_queue_length", "websocket.connect")] == 0
        assert ("realtime_queue_age_seconds", "http.request") in seen
        for stage in ("layer_to_interface", "interface_to_sockets", "handshake"):
            assert seen[("realtime_latency_seconds_count", *sorted((stage, "interface")))] >= 1
        handled = ("realtime_consumer_seconds_count", "websocket.connect", "worker")
        wait_until(lambda: samples(stack).get(handled, 0) >= 1, "the workers' counters")
        assert samples(stack)[("realtime_latency_seconds_count", "replay", "worker")] >= 1
        table = stack.manage("status").stdout
    assert "interface@" in table and "worker@" in table and "flood 1" in table
    assert any(line.startswith("websocket.receive") for line in table.splitlines())


def test_status_says_in_a_sentence_that_redis_is_away(stack):
    away = dict(stack.environ, REDIS_URL="redis://127.0.0.1:1/0")
    environ, stack.environ = stack.environ, away
    try:
        done = stack.manage("status")
    finally:
        stack.environ = environ
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: Redis does not answer")
    assert len(done.stderr.strip().splitlines()) == 1
