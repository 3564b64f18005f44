"""Silent sockets: who is pinged, who is given up, and within which time."""

import socket
import time
from contextlib import suppress

import pytest
from channels_realtime.interface.timer_wheel import SLOT
from channels_realtime.interface.websocket.protocol import PING_JITTER
from harness.stack import Stack
from harness.waiting import wait_until
from harness.wire import PING, PONG, TEXT, Wire, frame

INTERVAL, TIMEOUT = 2, 2  # s
PING_FRAME = b"\x89\x00"
SLACK = 5.0  # s, for a machine that is busy


@pytest.fixture(scope="module")
def stack():
    with Stack() as stack:
        stack.worker()
        yield stack


@pytest.fixture(scope="module")
def interface(stack):
    return stack.interface("--ping-interval", str(INTERVAL), "--ping-timeout", str(TIMEOUT))


def received_within(connection, seconds):
    """What comes over a raw connection within that time."""
    received, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        with suppress(TimeoutError):
            received += connection.recv(4096)
    return received


def test_a_silent_client_that_answers_its_pings_stays(interface):
    with Wire(interface) as wire:
        wire.open("/tool/")
        started = time.monotonic()
        for _ in range(3):
            assert wire.frame() == (PING, b"")
            wire.send(frame(PONG))
        took = time.monotonic() - started
        assert 3 * INTERVAL * (1 - PING_JITTER) <= took <= 3 * (INTERVAL + SLOT) + SLACK
        assert wire.send(frame(TEXT, b"alive")).frame() == (TEXT, b"alive")


def test_clients_that_send_anything_are_not_pinged(interface):
    with Wire(interface) as writer, Wire(interface) as listener:
        signs = {writer: frame(TEXT, b"busy"), listener: frame(PONG, b"unasked")}
        for wire in signs:
            wire.open("/tool/")
        end = time.monotonic() + 2 * (INTERVAL + SLOT)
        while time.monotonic() < end:
            for wire, sign in signs.items():
                wire.send(sign)
                received = received_within(wire.socket, INTERVAL * (1 - PING_JITTER) / 16)
                assert PING_FRAME not in received


def test_a_client_that_answers_no_ping_is_gone_within_the_documented_time(stack, interface):
    before = len(stack.book("disconnects"))
    with Wire(interface) as wire:
        wire.open("/tool/")
        started = time.monotonic()
        assert wire.frame() == (PING, b"")
        with pytest.raises(ConnectionResetError):
            wire.socket.recv(1)
        assert time.monotonic() - started <= INTERVAL + TIMEOUT + 2 * SLOT + SLACK
    stack.wait_for_lines("disconnects", before + 1)


def test_a_ping_goes_with_a_broadcast_and_a_second_one_waits_for_its_answer(stack):
    """Broadcasts do not give a dead client more time."""
    interface = stack.interface("--ping-interval", "3", "--ping-timeout", "2")
    with Wire(interface) as wire:
        wire.open("/group/silent/")
        wait_until(lambda: stack.layer.group_size("silent") == 1, "the member")
        pings = []
        with pytest.raises(ConnectionResetError):
            while len(pings) < 2:
                stack.layer.send_group("silent", {"text": "post"})
                received = received_within(wire.socket, 0.1)
                pings += [received] * (PING_FRAME in received)
    assert b"post" + PING_FRAME in pings[0]


def test_the_kernel_ends_a_connection_whose_peer_takes_nothing(stack):
    """Without a ping: what was sent to the peer is not acknowledged or not taken."""
    interface = stack.interface("--ping-interval", "600", "--ping-timeout", "1")
    before = len(stack.book("disconnects"))
    with Wire(interface, receive_buffer=4096) as wire:
        wire.open("/group/deaf/")
        wait_until(lambda: stack.layer.group_size("deaf") == 1, "the member")
        stack.layer.send_group("deaf", {"bytes": bytes(1 << 20)})  # as much as may wait
        stack.wait_for_lines("disconnects", before + 1)


def test_a_connection_inherits_the_time_limit_of_its_port():
    with socket.create_server(("127.0.0.1", 0)) as port:
        port.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
        with socket.create_connection(port.getsockname()), port.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
