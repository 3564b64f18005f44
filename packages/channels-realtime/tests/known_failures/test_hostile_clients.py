"""Bounds in bytes: what hostile clients can make an interface server and Redis hold.

The interface server has a small memory budget, so that a few hundred clients reach it.
"""

import os
import resource
import socket
import struct
import termios
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from fcntl import ioctl

import pytest
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import processes
from harness.clients import handshake, read_until, status_of
from harness.process import stopped
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until

MIB = 1 << 20
BUDGET = 32 * MIB
PARTS = Budget.of(BUDGET)
LIMITS = {"max-upload": MIB, "max-message": MIB, "write-buffer": 256 << 10, "message-rate": 50}
OPTIONS = [word for name, value in LIMITS.items() for word in (f"--{name}", str(value))]
PROGRAM = 64 * MIB  # of the small project; a site that imports more needs more
BROADCAST = os.urandom(100_000)


def memory_of(pid):
    """Bytes of a process's own memory (proc(5), smaps_rollup)."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        found = dict(line.split(":", 1) for line in lines if ":" in line.split()[0])
    return int(found["Pss"].split()[0]) << 10


class Site:
    """An interface server with a small budget, a worker, Redis, and clients that mean no good."""

    def __init__(self, stack):
        self.stack = stack
        self.front = stack.interface("--memory-budget", str(BUDGET), *OPTIONS)
        self.worker = stack.worker()
        assert self.front.request("GET", "/ready/").status == 200
        self.memory = memory_of(self.front.pid)
        self.redis_memory = stack.redis.info("memory")["used_memory"]

    def published(self):
        """What the interface server published of itself last."""
        [found] = [
            snapshot
            for name, snapshot in processes(self.stack.layer).items()
            if name.startswith("interface") and name.endswith(f":{self.front.pid}")
        ]
        return found

    def gauge(self, name):
        return self.published()["values"].get(name, 0)

    def drops(self, reason):
        """How many there were since the test began."""
        return self.published()["drops"].get(reason, 0) - self.earlier.get(reason, 0)

    def wait_for_drops(self, reason, number):
        wait_until(lambda: self.drops(reason) >= number, f"{number} drops for {reason}")

    def connect(self, receive_buffer=None):
        connection = socket.socket()
        connection.settimeout(PATIENCE)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", self.front.port))
        return connection

    @contextmanager
    def connections(self, number, first_bytes, **options):
        """Connections that have sent these bytes, as far as the server let them."""
        with ExitStack() as exits:
            opened = [exits.enter_context(self.connect(**options)) for _ in range(number)]
            for connection in opened:
                with suppress(ConnectionError):
                    connection.sendall(first_bytes)
            yield opened

    @contextmanager
    def sockets(self, number, path, **options):
        """WebSockets as raw connections."""
        opening = handshake(self.front.port, path, {})
        with self.connections(number, opening, **options) as opened:
            for connection in opened:
                assert status_of(connection) == 101
            yield opened

    def assert_others_are_served(self):
        with self.front.websocket() as client:
            assert client.ask("still there?") == "still there?"
        assert self.front.request("GET", "/ready/").status == 200


@pytest.fixture(scope="module")
def one_site():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    with Stack(capacity=500) as stack:
        yield Site(stack)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def site(one_site):
    # What the test before has caused is published by the time that its connections are gone.
    wait_until(lambda: one_site.gauge("connections") <= 1, "the connections of others to end")
    one_site.earlier = one_site.published()["drops"]
    return one_site


def close_code(connection):
    """The code of the close frame behind what a server has sent; None where it was cut before."""
    received = bytearray()
    with suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            received += data
    tail = bytes(received[-4:])
    return struct.unpack(">H", tail[2:])[0] if tail[:2] == b"\x88\x02" else None


def large_frame(size, sent):
    """A client's frame of `size` bytes, of which `sent` are there."""
    return b"\x82\xff" + struct.pack(">Q", size) + bytes(4) + bytes(sent)


# Each kind of buffer


def flood_slow_readers(site, group):
    """Broadcast far more than all readers together may leave unread."""
    for _ in range(60):
        site.stack.layer.send_group(group, {"bytes": BROADCAST})
        wait_until(lambda: waiting_entries(site) == 0, "the broadcast to be read from Redis")
    site.wait_for_drops("writes_full", 10)


def waiting_entries(site):
    [process] = site.stack.registered()
    return site.stack.redis.llen(f"{site.stack.layer.prefix}{process.decode()}")


def test_slow_readers_hold_a_bounded_number_of_bytes_in_all(site):
    with (
        site.sockets(150, "/group/slow/", receive_buffer=4096) as slow,
        site.front.websocket("/group/slow/") as reader,
    ):
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read_all, reader)
            flood_slow_readers(site, "slow")
            site.stack.layer.send_group("slow", {"text": "the end"})
            # A reader that keeps up gets everything.
            assert reading.result()
        assert site.gauge("writes_bytes") <= PARTS.writes
        assert memory_of(site.front.pid) <= PROGRAM + BUDGET
        codes = [close_code(connection) for connection in slow[:20]]
        assert set(codes) <= {None, 1013}
    site.assert_others_are_served()


def read_all(client):
    while (message := client.recv()) != "the end":
        assert message == BROADCAST
    return True


def test_incomplete_messages_hold_a_bounded_number_of_bytes_in_all(site):
    with site.sockets(100, "/tool/") as halves:
        for connection in halves:
            with suppress(ConnectionError):
                connection.sendall(large_frame(MIB, 900_000))
        site.wait_for_drops("messages_full", 50)
        assert site.gauge("messages_bytes") <= PARTS.messages
        assert memory_of(site.front.pid) <= PROGRAM + BUDGET
        assert close_code(halves[0]) in (1013, None)
    site.assert_others_are_served()


def test_incomplete_messages_of_clients_that_hang_up_are_free_at_once(site):
    for _ in range(40):
        with site.sockets(2, "/tool/") as halves:
            for connection in halves:
                connection.sendall(large_frame(MIB, 900_000))
                read_by_server(connection)
    assert memory_of(site.front.pid) <= site.memory + 16 * MIB


def read_by_server(connection):
    """Wait until the kernel holds nothing more of what was sent (tcp(7), SIOCOUTQ)."""
    wait_until(
        lambda: not struct.unpack("i", ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0],
        "the server to read",
    )


def test_a_message_in_many_parts_is_closed_with_4429(site):
    first, more = b"\x02\x82" + bytes(4) + b"ab", b"\x00\x82" + bytes(4) + b"ab"
    with site.sockets(1, "/tool/") as [connection]:
        with suppress(ConnectionError):
            connection.sendall(first + more * 200_000)
        assert struct.unpack(">BBH", read_exactly(connection, 4)) == (0x88, 2, 4429)
    site.assert_others_are_served()


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        data += connection.recv(size - len(data))
    return data


def test_incomplete_headers_hold_a_bounded_number_of_bytes_in_all(site):
    half = b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 16_000
    with site.connections(200, half):
        site.wait_for_drops("headers_full", 50)
        assert site.gauge("headers_bytes") <= PARTS.headers
    site.assert_others_are_served()


def test_waiting_handshakes_hold_a_bounded_number_of_bytes_in_all(site):
    opening = handshake(site.front.port, "/tool/", {"Cookie": "x" * 8_000})
    with stopped(site.worker.pid), site.connections(400, opening) as herd:
        site.wait_for_drops("handshakes_full", 50)
        assert site.gauge("handshakes_bytes") <= PARTS.handshakes
        assert read_until(herd[-1], b"in a moment.\n").startswith(b"HTTP/1.1 503 ")
    site.assert_others_are_served()


def test_what_is_sent_before_the_answer_to_a_handshake_is_bounded_in_all(site):
    opening = handshake(site.front.port, "/tool/", {})
    with stopped(site.worker.pid), site.connections(150, opening + bytes(60_000)):
        site.wait_for_drops("messages_full", 50)
        assert site.gauge("messages_bytes") <= PARTS.messages
    site.assert_others_are_served()


def test_requests_behind_one_that_waits_hold_a_bounded_number_of_bytes_in_all(site):
    request = b"GET /ready/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with stopped(site.worker.pid), site.connections(200, request + bytes(60_000)):
        site.wait_for_drops("messages_full", 50)
        assert site.gauge("messages_bytes") <= PARTS.messages
    wait_until(lambda: site.gauge("requests_bytes") == 0, "the requests to be answered")
    site.assert_others_are_served()


def test_connections_are_bounded_in_number(site):
    with site.connections(PARTS.connections + 50, b"") as idle:
        site.wait_for_drops("connections_full", 50)
        assert read_until(idle[-1], b"in a moment.\n").startswith(b"HTTP/1.1 503 ")
    wait_until(lambda: site.gauge("connections") < 10, "the connections to end")
    site.assert_others_are_served()


# All of them


def memory_returns(site):
    """A part stays with the C library, in pages that hold other objects as well."""
    wait_until(
        lambda: memory_of(site.front.pid) <= site.memory + BUDGET // 2,
        "the interface server's memory to be free",
    )


def test_all_hostile_clients_together_stay_within_the_documented_bound(site):
    opening = handshake(site.front.port, "/tool/", {"Cookie": "x" * 15_000})
    half_header = b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 16_000
    upload = b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n"
    with ExitStack() as exits:
        exits.enter_context(site.sockets(100, "/group/all/", receive_buffer=4096))
        halves = exits.enter_context(site.sockets(50, "/tool/"))
        exits.enter_context(stopped(site.worker.pid))
        exits.enter_context(site.connections(12, upload + bytes(MIB)))
        exits.enter_context(site.connections(100, half_header))
        exits.enter_context(site.connections(250, opening + bytes(30_000)))
        for connection in halves:
            with suppress(ConnectionError):
                connection.sendall(large_frame(MIB, 900_000))
        flood_slow_readers(site, "all")
        assert memory_of(site.front.pid) <= PROGRAM + BUDGET
        redis = site.stack.redis.info("memory")["used_memory"] - site.redis_memory
        # Four channels that clients can fill, one interface process, and Redis's rounding up.
        assert redis <= (4 * PARTS.channel + PARTS.backlog) * 5 // 4
        assert site.drops("requests_full") > 0
    # It is over: what was held is free.
    gauges = ("requests", "writes", "messages", "headers", "handshakes", "outbox", "links")
    wait_until(
        lambda: all(site.gauge(f"{name}_bytes") < 1000 for name in gauges),
        "the buffers to be empty",
    )
    wait_until(
        lambda: site.stack.redis.info("memory")["used_memory"] < site.redis_memory + 4 * MIB,
        "Redis's memory to be free",
    )
    memory_returns(site)
    site.assert_others_are_served()
