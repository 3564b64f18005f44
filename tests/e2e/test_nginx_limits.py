"""What nginx refuses and limits. docs/security.md has these tables."""

import contextlib
import http.client
import re
import resource
import socket
import urllib.error
import urllib.request

import pytest
from harness.waiting import PATIENCE
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.e2e.nginx import Nginx
from tests.e2e.stack import Reader

MIB = 1 << 20
SILENT = 3000  # connections


# Bad input at the door; docs/security.md has this table


def raw(nginx, data, source="127.0.0.1"):
    """The status of the answer to these bytes; None where the connection just ends."""
    with socket.create_connection(
        ("127.0.0.1", nginx.port), PATIENCE, source_address=(source, 0)
    ) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in answer and (more := connection.recv(4096)):
                answer += more
        found = re.match(rb"HTTP/1.1 (\d+)", answer)
        return int(found[1]) if found else None


HOST = b"Host: localhost\r\n"
DOOR = {
    "a header line over 16 KiB": (b"GET / HTTP/1.1\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 400),
    "an address over 16 KiB": (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "headers over 64 KiB": (
        b"GET / HTTP/1.1\r\n" + HOST + (b"X: " + b"a" * 9_000 + b"\r\n") * 9 + b"\r\n",
        400,
    ),
    "a path that is no UTF-8": (b"GET /liveblog/%ff%fe/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "raw bytes in the path": (b"GET /liveblog/\xff\xfe/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a path with a NUL": (b"GET /liveblog/%00/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a foreign Host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
    ),
    "length and chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "a body over 10 MiB": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 10485761\r\n\r\n",
        413,
    ),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}


@pytest.mark.parametrize("what", DOOR)
def test_bad_input_at_the_door_has_its_answer(nginx, what):
    data, status = DOOR[what]
    assert raw(nginx, data) == status
    assert nginx.get("/healthz")[0] == 200


def test_a_client_cannot_move_the_site_or_name_its_own_address(nginx):
    page = nginx.get("/", Daphne_Root_Path="/elsewhere", Cookie="sessionid=past-the-cache")[2]
    assert b"/elsewhere" not in page
    told = nginx.get("/raw/", X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6")[2].decode()
    assert "6.6.6.6" not in told and "forwarded," not in told and "daphne-root-path" not in told


def test_a_body_up_to_10_mib_reaches_the_product_and_no_longer_one(nginx):
    def post(size):
        request = urllib.request.Request(
            f"http://{nginx.address}/accounts/login/",
            data=bytes(size),
            headers={"Cookie": "sessionid=any"},
            method="POST",
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=PATIENCE)
        return refusal.value.code

    assert post(3 * MIB) in (400, 403)  # Django's, which wants a CSRF token and fields
    assert post(10 * MIB + 1) == 413


def test_a_long_body_of_an_anonymous_request_is_refused(nginx):
    def post(size):
        request = urllib.request.Request(
            f"http://{nginx.address}/accounts/login/", data=bytes(size), method="POST"
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=PATIENCE)
        return refusal.value.code, refusal.value.read()

    assert post(200_000)[0] in (400, 403)  # the longest text of a form
    code, sentence = post(300_000)
    assert code == 413 and b"Without a session" in sentence


@pytest.fixture(scope="module")
def strict(stack):
    """nginx with the limits of an address so low that a test reaches them soon."""
    lower = (
        ("zone=requests:10m rate=50r/s", "zone=requests:10m rate=1r/m"),
        ("zone=admin:10m rate=5r/s", "zone=admin:10m rate=1r/m"),
        ("limit_conn sockets 1000", "limit_conn sockets 5"),
        ("client_header_timeout 10s", "client_header_timeout 1s"),
        ("client_body_timeout 10s", "client_body_timeout 1s"),
        ("location / {\n            limit_req zone=requests burst=200", LOCATION_LOW),
        ("zone=admin burst=50", "zone=admin burst=5"),
        ("zone=handshakes burst=500", "zone=handshakes burst=20"),
        ("zone=handshakes:10m rate=50r/s", "zone=handshakes:10m rate=1r/s"),
        # The test says which address a request over IPv6 comes from.
        ("server_tokens off;", "set_real_ip_from ::1; real_ip_header X-Test-Address;"),
    )
    with Nginx(stack, replacements=lower) as nginx:
        yield nginx


LOCATION_LOW = "location / {\n            limit_req zone=requests burst=9"


@pytest.mark.parametrize("path, allowed", [("/", 10), ("/admin/login/", 6)])
def test_too_many_requests_of_one_address_are_answered_429(strict, path, allowed):
    source = "127.0.0.2"
    answers = [strict.get(path, source)[0] for _ in range(allowed + 5)]
    assert answers[:allowed] == [200] * allowed and set(answers[allowed:]) == {429}
    assert strict.get(path, "127.0.0.3")[0] == 200  # somebody else's address is not held to it


def test_addresses_of_one_ipv6_network_share_a_limit(strict):
    def get(address):
        return strict.get("/", "::1", X_Test_Address=address)[0]

    answers = [get(f"2001:db8:0:1::{number:x}:0a0d") for number in range(12)]
    assert answers == [200] * 10 + [429] * 2
    assert get("2001:db8:0:2::1") == 200
    assert [get("::1") for _ in range(12)] == [200] * 12  # this machine's are not limited


def test_too_many_sockets_of_one_address_are_answered_429(strict, blog):
    url = f"ws://{strict.address}/channel/liveblog/{blog}/"
    options = {"proxy": None, "open_timeout": PATIENCE}
    with contextlib.ExitStack() as sockets:
        for _ in range(5):
            sockets.enter_context(connect(url, source_address=("127.0.0.4", 0), **options))
        with pytest.raises(InvalidStatus) as refusal:
            connect(url, source_address=("127.0.0.4", 0), **options)
        assert refusal.value.response.status_code == 429
        sockets.enter_context(connect(url, source_address=("127.0.0.5", 0), **options))


@pytest.mark.parametrize(
    ("path", "address"), [("/accounts/login/", "127.0.0.6"), ("/accounts/reset/", "127.0.0.61")]
)
def test_guessing_passwords_is_answered_429(nginx, path, address):
    answers = []
    for _ in range(30):  # one more is allowed every 5 s
        connection = http.client.HTTPConnection(
            "127.0.0.1", nginx.port, timeout=PATIENCE, source_address=(address, 0)
        )
        with contextlib.closing(connection):
            connection.request("POST", path, body=b"username=a&password=b")
            answers.append(connection.getresponse().status)
    assert answers[0] == 403 and answers[-1] == 429


def test_a_header_or_a_body_that_comes_drop_by_drop_is_given_up(strict):
    assert raw(strict, b"GET / HTTP/1.1\r\nHost: loc", "127.0.0.7") in (408, None)
    slow = b"POST /accounts/login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nuser"
    assert raw(strict, slow, "127.0.0.7") in (408, None)


def test_thousands_of_silent_connections_keep_nobody_out(strict):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as silent:
        connections = []
        for _ in range(SILENT):
            connection = silent.enter_context(socket.socket())
            connection.settimeout(PATIENCE)
            connection.bind(("127.0.0.8", 0))
            connection.connect(("127.0.0.1", strict.port))
            connections.append(connection)
        assert strict.get("/", "127.0.0.9")[0] == 200
        assert {connection.recv(1) for connection in connections} == {b""}


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_message_over_1_mib_is_closed_with_1009(nginx, blog, pieces):
    with Reader(f"ws://{nginx.address}/channel/liveblog/{blog}/") as reader:
        with contextlib.suppress(ConnectionClosed):
            reader.socket.send(["x" * (MIB // pieces + 1)] * pieces)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                reader.socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd.code == 1009
