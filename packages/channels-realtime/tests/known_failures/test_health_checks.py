"""--health-path and --ready-path: what an interface server says of itself and of its workers."""

import json
import signal
from contextlib import ExitStack

import pytest
from harness.clients import read_until, status_of
from harness.process import Process, stopped
from harness.project import changed
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until

HEALTH = ("--health-path", "/healthz", "--ready-path", "/ready/")
# On a busy machine a worker may take longer to start than a check may wait.
PATIENT = f"""
from channels_realtime.interface.http import requests
requests.READY_WITHIN = {PATIENCE}
"""


@pytest.fixture
def stack():
    with Stack() as stack:
        stack.front = stack.interface(*HEALTH, "--drain", "5")
        yield stack


def health(front: Process, path: str = "/healthz") -> tuple[int, dict]:
    response = front.request("GET", path)
    return response.status, json.loads(response.body)


def test_liveness_needs_no_worker(stack):
    status, answer = health(stack.front)
    assert (status, answer["status"], answer["problems"]) == (200, "ok", [])
    assert stack.front.request("HEAD", "/healthz").status == 200
    assert stack.front.request("POST", "/healthz").status == 405


def test_liveness_costs_no_round_trip_to_redis(stack):
    with stack.commands() as commands:
        for _ in range(300):
            assert health(stack.front)[0] == 200
    assert sum(commands.values()) < 300, commands  # what there is are heartbeats


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_liveness_fails_without_redis_and_recovers_with_it(stack, fault):
    server = stack.redis_server
    with ExitStack() as until_healed:
        if fault == "killed":
            server.stop(signal.SIGKILL)
            until_healed.callback(server.start)
        else:
            until_healed.enter_context(stopped(server.process.pid))
        wait_until(lambda: health(stack.front)[0] == 503, "the failure")
        _, answer = health(stack.front)
        assert answer["problems"][0].startswith("This interface server has not reached Redis for")
    wait_until(lambda: health(stack.front)[0] == 200, "the recovery")


def test_liveness_fails_while_the_server_drains(stack):
    stack.worker()
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with stack.front.websocket(), stack.front.raw() as kept:
        kept.sendall(request)
        assert status_of(kept) == 200
        stack.front.send_signal(signal.SIGTERM)
        stack.front.wait_for_output("Closing 1 sockets")
        kept.sendall(request)
        assert b"is about to end" in read_until(kept, b"checks")


def test_readiness_waits_behind_no_other_request(stack):
    """A busy site answers, although nine requests that cannot be answered now came before."""
    front = stack.interface("--ready-path", "/ready/", **changed(PATIENT))
    with ExitStack() as clients:
        for _ in range(9):
            client = clients.enter_context(front.raw())
            client.sendall(b"GET /held/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check = clients.enter_context(front.raw())
        check.sendall(b"GET /ready/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lists = [stack.layer.prefix + name for name in ("http.request", "http.ready")]
        wait_until(lambda: list(map(stack.redis.llen, lists)) == [9, 1], "the waiting requests")
        stack.worker()
        assert status_of(check) == 200
        stack.open_gate()


def test_readiness_without_a_worker_is_answered_in_time(stack):
    status, answer = health(stack.front, "/ready/")
    assert status == 503
    assert answer["problems"] == ["No worker has answered this check within 10 s."]
    stack.redis_server.stop(signal.SIGKILL)
    wait_until(lambda: "Redis" in health(stack.front, "/ready/")[1]["problems"][0], "the reason")
    stack.redis_server.start()


@pytest.mark.parametrize("arguments", [("--health-path", "healthz"), ("--ready-path", "ready")])
def test_a_path_begins_with_a_slash(stack, arguments):
    process = stack.start(
        "-m", "channels_realtime.interface", *arguments, "small.asgi:channel_layer"
    )
    assert process.wait() == 2
    assert f"{arguments[1]} does not begin with a slash" in process.output()
