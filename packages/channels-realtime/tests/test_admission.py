"""A herd at the door: workers get a part of it at a time, and nobody who waits is forgotten."""

import time
from contextlib import ExitStack

import pytest
import redis
from channels_realtime.interface.websocket.admission import (
    AT_ONCE,
    MOST_WAITING,
    Admission,
    UnreadHandshake,
)
from channels_realtime.metrics.counters import Metrics
from harness.environment import redis_server
from harness.project import Board
from harness.waiting import wait_until
from harness.wire import handshake

LEAVING = 20
PATIENCE = 20  # s that a handshake may take
HANDSHAKE = UnreadHandshake(b"GET / HTTP/1.1", b"")
PLENTY = 1 << 30  # bytes


def test_who_waits_gets_its_turn_and_who_has_left_costs_workers_nothing():
    with (
        Board(redis_server.url) as project,
        redis.Redis.from_url(redis_server.url) as server,
        ExitStack() as exits,
    ):
        project.environ["BOARD_CAPACITY"] = "1000"
        interface = project.interface()

        def waiting():
            return server.llen(f"{project.prefix}websocket.connect")

        def come():
            client = exits.enter_context(interface.raw())
            client.sendall(handshake())
            return client

        first = [come() for _ in range(AT_ONCE)]
        wait_until(lambda: waiting() == AT_ONCE, "the first handshakes at the workers' list")
        leaving = [come() for _ in range(LEAVING)]
        staying = [come() for _ in range(LEAVING)]
        for client in leaving:
            client.close()
        # If a waiting handshake were admitted too early, it would be in the list by now.
        first.pop(0).close()
        wait_until(lambda: waiting() == AT_ONCE + 1, "the next one's turn")
        project.worker()
        for client in first + staying:
            assert client.recv(12) == b"HTTP/1.1 101"
        assert waiting() == 0


class Transport:
    """What a handshake's connection has to offer."""

    def __init__(self):
        self.written = b""
        self.closed = False

    def write(self, data):
        self.written += data

    def loseConnection(self):
        self.closed = True

    def pauseProducing(self):
        pass

    resumeProducing = pauseProducing


@pytest.fixture
def admission():
    """Lets in and never answers."""
    made = Admission(
        lambda transport, data: made.started(transport), PATIENCE, PLENTY, Metrics("test")
    )
    return made


def refused(transports):
    return [t for t in transports if t.closed and t.written.startswith(b"HTTP/1.1 503 ")]


def test_more_than_may_wait_are_refused_with_503(admission):
    herd = [Transport() for _ in range(AT_ONCE + MOST_WAITING + 3)]
    for transport in herd:
        admission.submit(transport, HANDSHAKE)
    assert refused(herd) == herd[-3:]


def test_handshakes_that_would_take_too_much_memory_are_refused_with_503(admission):
    large = UnreadHandshake(b"GET / HTTP/1.1\r\nCookie: " + b"x" * 16000, b"y" * 60_000)
    admission.memory = 5 * large.size()
    herd = [Transport() for _ in range(AT_ONCE + 7)]
    for transport in herd:
        admission.submit(transport, large)
    assert refused(herd) == herd[-2:]
    admission.finished(herd[0])  # the first of those that wait has its turn, and leaves room
    late = Transport()
    admission.submit(late, large)
    assert refused([late]) == []


def test_who_has_waited_too_long_is_refused_with_503(admission):
    herd = [Transport() for _ in range(AT_ONCE + 2)]
    for transport in herd:
        admission.submit(transport, HANDSHAKE)
    admission.check_time(time.monotonic() + PATIENCE / 2)
    assert refused(herd) == []
    admission.check_time(time.monotonic() + PATIENCE + 1)
    assert refused(herd) == herd[-2:]


def test_a_server_that_goes_down_refuses_all_that_wait(admission):
    herd = [Transport() for _ in range(AT_ONCE + 2)]
    for transport in herd:
        admission.submit(transport, HANDSHAKE)
    admission.refuse_all()
    assert refused(herd) == herd[-2:]


def test_thousands_that_are_refused_at_once_are_let_in_one_after_the_other():
    """As where Redis is away: each is answered before admit() returns."""

    def admit(transport, data):
        made.started(transport)
        seen.append(transport)
        if open_door:
            made.finished(transport)

    seen, open_door = [], False
    made = Admission(admit, PATIENCE, PLENTY, Metrics("test"))
    herd = [Transport() for _ in range(AT_ONCE + 3000)]
    for transport in herd:
        made.submit(transport, HANDSHAKE)
    open_door = True
    made.finished(herd[0])
    assert seen == herd
