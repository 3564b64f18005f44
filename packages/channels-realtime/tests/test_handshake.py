"""The opening handshake as bytes: what is read from a request, what is refused, the answer."""

import base64
import hashlib

import pytest
from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.websocket.handshake import accept_handshake, read_handshake
from harness.wire import KEY, MAGIC, handshake


def read(data):
    head, end, rest = data.partition(b"\r\n\r\n")
    assert end and not rest
    return read_handshake(head)


def with_lines(*lines):
    """A handshake with these header lines at its end."""
    return handshake()[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def test_a_request_is_read_as_it_was_sent():
    data = handshake("/a%20b/;c=d?after=1&x=%41?", X_Colour=" gr\xfcn\t")
    read_back = read(data)
    assert read_back.path == "/a%20b/;c=d"
    assert read_back.query_string == b"after=1&x=%41?"
    assert read_back.key == KEY
    assert read_back.protocols == []
    assert read_back.headers[0] == (b"host", b"test")
    assert read_back.headers[-1] == (b"x-colour", b"gr\xfcn")


def test_equal_headers_stay_apart_and_in_order():
    data = with_lines(b"Cookie: a=1", b"X-Colour: red", b"Cookie: b=2, c")
    assert read(data).headers[-3:] == [
        (b"cookie", b"a=1"),
        (b"x-colour", b"red"),
        (b"cookie", b"b=2, c"),
    ]


def test_a_name_with_an_underscore_is_left_out():
    data = with_lines(b"X_Forwarded_For: 6.6.6.6", b"Host_: x")
    assert {name for name, _ in read(data).headers} == {
        b"host",
        b"upgrade",
        b"connection",
        b"sec-websocket-key",
        b"sec-websocket-version",
    }


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("//host/path/", "//host/path/"),
        ("http://host.test:80/path/", "/path/"),
        ("WSS://host.test/path/", "/path/"),
        ("/path/http://host/", "/path/http://host/"),
    ],
)
def test_a_target_may_name_the_host(target, path):
    assert read(handshake(target)).path == path


@pytest.mark.parametrize(
    "connection", ["Upgrade", "upgrade", "keep-alive, Upgrade", "a,UPGRADE ,b"]
)
def test_a_connection_header_may_list_more(connection):
    assert read(handshake(Connection=connection)).key == KEY


def test_a_connection_header_may_come_twice():
    data = handshake(Connection="keep-alive")[:-2] + b"Connection: Upgrade\r\n\r\n"
    assert read(data).key == KEY


def test_protocols_are_those_of_all_lines():
    lines = b"Sec-WebSocket-Protocol: chat, superchat", b"Sec-WebSocket-Protocol: other"
    assert read(with_lines(*lines)).protocols == ["chat", "superchat", "other"]


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (handshake("/a b"), 400, "The request line"),
        (handshake("path/"), 400, "The path"),
        (handshake("*"), 400, "The path"),
        (handshake("http://host.test"), 400, "The path"),
        (handshake("/path#part"), 400, "The path"),
        (handshake("/p\xe4th"), 400, "The path"),
        (handshake(method="POST"), 405, "A WebSocket handshake must use GET"),
        (handshake(version="2"), 505, "A WebSocket handshake must use HTTP/1.1"),
        (handshake(Host=""), 400, "There is no host"),
        (handshake(Connection="upgraded"), 400, "The connection header"),
        (handshake(Sec_WebSocket_Version="8"), 400, "The sec-websocket-version header"),
        (handshake(Sec_WebSocket_Key=KEY[:-1]), 400, "The sec-websocket-key header"),
        (with_lines(b"Host: other"), 400, "There is more than one host"),
        (with_lines(b"Origin: a", b"Origin: b"), 400, "There is more than one origin"),
        (with_lines(b"Sec-WebSocket-Key: " + KEY), 400, "There is more than one sec-"),
        (with_lines(b"no colon"), 400, "A header must be"),
        (with_lines(b": no name"), 400, "A header must be"),
        (with_lines(b"X-Space : x"), 400, "A header must be"),
        (with_lines(b"X-First: a", b" folded"), 400, "A header must be"),
        (with_lines(b"X-Line: a\nX-Smuggled: b"), 400, "A header holds half a line end"),
        (with_lines(b"X-Line: a\rX-Smuggled: b"), 400, "A header holds half a line end"),
        (with_lines(b"X-Line: a\n\rb"), 400, "A header holds half a line end"),
        (with_lines(b"X-Line: a\x85b"), 400, "A header holds characters"),
    ],
)
def test_what_is_no_handshake_is_refused_with_a_sentence(data, status, sentence):
    with pytest.raises(Refused, match=f"^{sentence}.*\\.$") as refused:
        read(data)
    head, _, body = refused.value.answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in head
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert body.decode() == f"{refused.value}\n"


@pytest.mark.parametrize(
    ("protocol", "more"), [(None, b""), ("chat", b"Sec-WebSocket-Protocol: chat\r\n")]
)
def test_the_answer_proves_that_the_request_was_read(protocol, more):
    expected = base64.b64encode(hashlib.sha1(KEY + MAGIC).digest())
    answer = accept_handshake(KEY, protocol)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\r\nSec-WebSocket-Accept: " + expected + b"\r\n" + more + b"\r\n")
