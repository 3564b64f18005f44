"""Rows about the interface server: its clients, its limits, its beginning and its end."""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import pytest
from harness.clients import read_until, status_of
from harness.network import listening_ports
from harness.process import stopped
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus

# Row 4


def test_row_04_sigterm_sends_everybody_away_with_1012_and_delivers_every_disconnect():
    number = 150  # more than the capacity of websocket.disconnect
    with Stack() as stack:
        front = stack.interface("--drain", "1")
        stack.worker()
        with front.websockets(number) as clients:
            front.send_signal(signal.SIGTERM)
            assert [client.close_code() for client in clients] == [1012] * number
            assert front.wait() == 0
        assert len(set(stack.wait_for_lines("disconnects", number))) == number


def test_row_04_a_handshake_under_way_at_sigterm_is_told_to_come_back_and_disconnected():
    with Stack() as stack:
        front = stack.interface("--drain", "1")
        stack.worker()
        with front.raw_handshake("/undecided/") as connection:
            stack.wait_for_lines("undecided", 1)
            front.send_signal(signal.SIGTERM)
            assert status_of(connection) == 503  # not 403: the client is welcome elsewhere
        assert front.wait() == 0
        assert stack.wait_for_lines("disconnects", 1) == stack.book("undecided")


def test_row_04_on_the_stock_stack_fails():
    with Stack("stock") as stack:
        front = stack.interface()
        stack.worker()
        with front.websocket() as client:
            front.send_signal(signal.SIGTERM)
            assert client.close_code() is None


# Rows 5 and 17


class MutePeer:
    """A raw WebSocket that gets a push at every look and never answers a ping."""

    def __init__(self, stack, front):
        self.stack = stack
        self.connection = front.raw_handshake("/group/mute/")
        assert status_of(self.connection) == 101
        self.connection.setblocking(False)
        self.received = b""

    def has_ended(self):
        self.stack.layer.send_group("mute", {"text": "push"})
        with suppress(BlockingIOError):
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError:
                return True
            self.received += data
            return not data


@pytest.fixture(scope="module")
def impatient():
    """An interface server with short timeouts, and its stack."""
    with Stack() as stack:
        front = stack.interface(
            "--http-timeout", "1", "--ping-interval", "1", "--ping-timeout", "2"
        )
        stack.worker()
        yield stack, front


def test_row_05_a_response_that_outlasts_the_timeout_is_cut_alone(impatient):
    _, front = impatient
    for _ in range(2):  # after the first, timeouts go on
        with front.raw() as connection:
            connection.sendall(b"GET /endless/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                answer = read_until(connection, b"no such mark")
                assert b"half" in answer and b"0\r\n\r\n" not in answer
                raise ConnectionResetError
    with front.websocket() as client:
        assert client.ask("pings go on") == "pings go on"


def test_row_05_on_the_stock_stack_fails():
    with Stack("stock") as stack:
        front = stack.interface("--http-timeout", "1")
        stack.worker()
        with front.raw() as endless, front.raw() as other:
            endless.sendall(b"GET /endless/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_until(endless, b"half")
            other.sendall(b"GET /held/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            # The first look at timeouts, within 2 s, was the last: nothing ends this one.
            other.settimeout(4.5)
            with pytest.raises(TimeoutError):
                other.recv(1)


def test_row_17_a_peer_that_is_pushed_to_and_answers_no_ping_is_cut(impatient):
    stack, front = impatient
    peer = MutePeer(stack, front)
    wait_until(peer.has_ended, "the end of a mute peer")
    assert b"push" in peer.received


def test_row_17_on_the_stock_stack_fails(stock):
    peer = MutePeer(stock, stock.interface("--ping-interval", "1", "--ping-timeout", "2"))
    begun = time.monotonic()
    wait_until(lambda: peer.has_ended() or time.monotonic() > begun + 4.5, "several ping intervals")
    assert not peer.has_ended() and b"push" in peer.received
    assert b"\x89\x04" not in peer.received  # never pinged


# Row 9


def test_row_09_overload_is_answered_and_every_disconnect_is_delivered():
    with Stack(capacity=5) as stack, ExitStack() as exits:
        front, worker = stack.interface(), stack.worker()
        clients = [exits.enter_context(front.websocket()) for _ in range(8)]
        worker.stop()
        waiting = [exits.enter_context(front.raw_handshake()) for _ in range(5)]
        queue = stack.layer.prefix + "websocket.connect"
        wait_until(lambda: stack.redis.llen(queue) == 5, "a full channel")
        with front.raw_handshake() as refused:
            assert status_of(refused) == 503
        for _ in range(6):  # one more than the capacity
            clients[0].send("anybody there?")
        assert clients[0].close_code() == 1013
        for client in clients[1:]:
            client.drop()
        stack.worker()
        assert len(set(stack.wait_for_lines("disconnects", 8))) == 8
        assert [status_of(connection) for connection in waiting] == [101] * 5


def test_row_09_while_redis_is_away_clients_are_asked_to_come_back():
    with Stack() as stack:
        front = stack.interface()
        stack.redis_server.stop(signal.SIGKILL)
        with front.raw_handshake() as connection:
            assert status_of(connection) == 503
        assert front.request("GET", "/ready/").status == 503


# Row 10


def test_row_10_queues_and_what_they_refused_are_counted():
    layer_keys = ("messages_count", "messages_pending", "channel_full_count")
    with Stack(capacity=2) as stack:
        for expected in (True, True, False):
            try:
                stack.layer.send("numbers", {"number": 1})
            except stack.layer.ChannelFull:
                assert not expected
        statistics = stack.layer.channel_statistics("numbers")
        assert [statistics[key] for key in layer_keys] == [2, 2, 1]
        assert 0 <= statistics["messages_max_age"] < PATIENCE
        assert stack.layer.global_statistics()["channel_full_count"] == 1


def test_row_10_queues_drops_and_processes_are_shown_by_status():
    with Stack(capacity=2) as stack:
        for _ in range(2):
            stack.layer.send("numbers", {"number": 1})
        with suppress(stack.layer.ChannelFull):
            stack.layer.send("numbers", {"number": 1})
        status = stack.start("manage.py", "status")
        assert status.wait() == 0, status.output()
        rows = [line.split() for line in status.output().splitlines()]
        [numbers] = [row for row in rows if row and row[0] == "numbers"]
        assert (numbers[1], numbers[3], numbers[4]) == ("2", "2", "1")  # waiting, in all, refused


# Row 16


def test_row_16_the_handshake_limit_is_an_option():
    with Stack() as stack:
        front = stack.interface("--websocket_connect_timeout", "1")
        with pytest.raises(InvalidStatus) as refused:
            front.websocket()
        assert refused.value.response.status_code == 503


def handshake_that_outlasts_an_http_timeout(stack):
    """A handshake that nobody answers, on a server that has looked for timeouts since."""
    front = stack.interface("--websocket_connect_timeout", "-1", "--http-timeout", "1")
    connection = front.raw_handshake()
    # The same look that ends this request would end the handshake.
    assert front.request("GET", "/ready/").status == 503
    return connection


def test_row_16_minus_one_means_never():
    with Stack() as stack, handshake_that_outlasts_an_http_timeout(stack) as connection:
        stack.worker()
        assert status_of(connection) == 101


def test_row_16_on_the_stock_stack_fails():
    with Stack("stock") as stack, handshake_that_outlasts_an_http_timeout(stack) as connection:
        assert status_of(connection) >= 400


# Row 18


def test_row_18_a_burst_of_connects_outlives_a_pause_of_redis():
    number = 200
    with Stack(capacity=1000) as stack, ExitStack() as exits:
        front = stack.interface()
        stack.worker()
        with stopped(stack.redis_server.process.pid):
            burst = [exits.enter_context(front.raw_handshake()) for _ in range(number)]
        assert [status_of(connection) for connection in burst] == [101] * number


def connections_that_a_busy_server_keeps(stack):
    """How many of 200 connections the kernel takes while the server is stuck."""
    front = stack.interface()
    with stopped(front.pid), ExitStack() as exits:
        opening = []
        for _ in range(200):
            connection = exits.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", front.port))
            opening.append(connection)
        return sum(is_connected(connection) for connection in opening)


def is_connected(connection):
    try:
        connection.getpeername()
    except OSError:
        return False
    return True


def test_row_18_a_stuck_server_keeps_200_connections_waiting():
    with Stack() as stack:
        assert connections_that_a_busy_server_keeps(stack) == 200


def test_row_18_who_hung_up_while_the_server_was_stuck_costs_no_worker_anything():
    with Stack() as stack, ExitStack() as exits:
        front = stack.interface()
        with stopped(front.pid):
            for _ in range(20):
                ask_for_a_socket(front.port).close()
        for number in (1, 2):  # when the second has come, all that waited has been looked at
            exits.enter_context(ask_for_a_socket(front.port))
            wait_until(lambda: connects(stack) >= number, "a handshake")  # noqa: B023
        assert connects(stack) == 2


def ask_for_a_socket(port):
    """A connection whose handshake is not answered yet."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return connection


def connects(stack):
    """How many handshakes have been sent to workers."""
    return stack.layer.channel_statistics("websocket.connect")["messages_count"]


def test_row_18_on_the_stock_stack_fails():
    with Stack("stock") as stack:
        assert connections_that_a_busy_server_keeps(stack) < 100


# Row 20


def test_row_20_an_upload_over_the_limit_is_refused_before_it_travels(ours):
    with ours.front.raw() as connection:
        connection.sendall(
            b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert status_of(connection) == 413


def test_row_20_a_frame_over_the_limit_closes_with_1009(ours):
    with ours.front.websocket() as client:
        with suppress(ConnectionClosed):  # before all of it is sent
            client.send("x" * ((1 << 20) + 1))
        assert client.close_code() == 1009


def test_row_20_a_fragmented_message_over_the_limit_closes_with_1009(ours):
    with ours.front.websocket() as client, suppress(ConnectionClosed):
        client.send(["x" * (1 << 19)] * 3)
    assert client.close_code() == 1009


def test_row_20_a_body_of_unsaid_length_is_refused_where_it_grows_over_the_limit(ours):
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    with ours.front.raw() as connection:
        connection.sendall(
            b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with suppress(ConnectionError):
            for _ in range(11):
                connection.sendall(chunk)
        assert status_of(connection) == 413


def test_row_20_a_form_is_left_to_the_workers_to_parse(ours):
    headers = {"Content-Type": "multipart/form-data; boundary=none", "Content-Length": "4"}
    response = ours.front.request("POST", "/upload/", b"wild", headers)
    assert response.status == 200


LINE_END = {"X-Harmless": "a\x85X-Evil: b"}


def test_row_20_a_header_value_with_a_line_end_is_answered_400(ours):
    with ours.front.raw_handshake("/session/", **LINE_END) as connection:
        assert status_of(connection) == 400


def test_row_20_on_the_stock_stack_fails(stock):
    with stock.front.websocket("/session/") as client:
        client.send("x" * ((1 << 20) + 1))
        assert client.recv() == "1"
    with stock.front.raw_handshake("/session/", **LINE_END) as connection:
        assert status_of(connection) == 101
        connection.sendall(masked_text(b"headers"))
        answer = read_until(connection, b"x-evil")
    assert b"x-evil" in answer  # a header that nobody sent


def masked_text(payload):
    """A short text frame of a client (RFC 6455, section 5.2) with a mask of zeros."""
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload


# Row 21


def interface_on_a_used_port(stack, taken):
    return stack.interface(listen=("--port", str(taken.getsockname()[1])))


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def test_row_21_a_port_in_use_ends_the_server_with_a_sentence(taken):
    with Stack() as stack:
        front = interface_on_a_used_port(stack, taken)
        assert front.wait() == 3
        [sentence] = front.output().splitlines()
        assert str(taken.getsockname()[1]) in sentence and "in use" in sentence


def test_row_21_on_the_stock_stack_fails(taken):
    with Stack("stock") as stack:
        front = interface_on_a_used_port(stack, taken)
        front.wait_for_output("in use")
        looks = polls(stack)
        wait_until(lambda: polls(stack) > looks, "a zombie that asks for replies to nobody")
        assert front.is_running()


def polls(stack):
    return stack.command_counts()["evalsha"] + stack.command_counts()["eval"]


# Row 22


def test_row_22_fd_0_is_listened_on_and_nothing_else():
    with Stack() as stack, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        front = stack.interface(listen=("--fd", "0"), stdin=listener)
        front.port = port
        stack.worker()
        wait_until(lambda: front.request("GET", "/ready/").status == 200, "a worker's answer")
        assert set(listening_ports(front.pid)) == {port}


def test_row_22_on_the_stock_stack_fails():
    code = (
        "from channels_realtime import compat; compat.install()\n"
        "from daphne import cli\n"
        "class Server:\n"  # stands in for the real one, lest port 8000 be bound
        "    def __init__(self, endpoints, **options): print(endpoints)\n"
        "    def run(self): pass\n"
        "cli.Server = Server\n"
        "cli.CommandLineInterface().run(['-v', '0', '--fd', '0', 'os:path'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tcp:port=8000" in done.stdout


# Row 28


def test_row_28_the_first_handshake_of_a_server_that_starts_is_not_turned_away():
    with Stack() as stack:
        stack.worker()
        front = stack.start_interface()
        with first_handshake(front) as connection:
            assert status_of(connection) == 101


def first_handshake(front):
    """As soon as the port is open: no pause between the tries."""
    while front.is_running():
        with suppress(ConnectionRefusedError):
            return front.raw_handshake()
    raise AssertionError(front.output())


# Row 26

CLAIM = {"X-Forwarded-For": "6.6.6.6, 10.0.0.7"}  # what the client claims, what the proxy saw


def test_row_26_the_address_that_the_trusted_proxy_saw_is_believed(ours):
    response = ours.front.request("GET", "/client/", headers=CLAIM)
    assert json.loads(response.body) == {"client": "10.0.0.7"}


def test_row_26_without_trusted_proxies_no_such_header_is_believed(impatient):
    _, front = impatient
    response = front.request("GET", "/client/", headers=CLAIM)
    assert json.loads(response.body) == {"client": "127.0.0.1"}


def test_row_26_on_the_stock_stack_fails(stock):
    response = stock.front.request("GET", "/client/", headers=CLAIM)
    assert json.loads(response.body) == {"client": "6.6.6.6"}
