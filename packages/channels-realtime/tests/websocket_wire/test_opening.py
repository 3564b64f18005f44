"""The opening handshake and its headers (RFC 6455, section 4), against a real interface server."""

import base64
import hashlib

import pytest
from harness.project import Board
from harness.redis_servers import RedisServer
from harness.waiting import wait_until
from harness.wire import (
    BINARY,
    CLOSE,
    KEY,
    MAGIC,
    MIB,
    TEXT,
    Unanswered,
    Wire,
    close_frame,
    frame,
    handshake,
)

# The opening handshake


def test_a_handshake_is_answered_with_its_key(wire):
    status, headers, _ = wire.send(handshake()).response()
    assert status == 101
    assert headers["upgrade"].lower() == "websocket" and headers["connection"] == "Upgrade"
    expected = base64.b64encode(hashlib.sha1(KEY + MAGIC).digest()).decode()
    assert headers["sec-websocket-accept"] == expected
    assert "sec-websocket-extensions" not in headers
    assert "sec-websocket-protocol" not in headers


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(handshake(without=["Sec-WebSocket-Key"]), 400, id="no key"),
        pytest.param(handshake(Sec_WebSocket_Key="short"), 400, id="short key"),
        pytest.param(handshake(Sec_WebSocket_Key="!" * 22 + "=="), 400, id="no base64"),
        pytest.param(handshake(without=["Sec-WebSocket-Version"]), 400, id="no version"),
        pytest.param(handshake(Sec_WebSocket_Version="x"), 400, id="version x"),
        pytest.param(handshake(without=["Host"]), 400, id="no host"),
        pytest.param(handshake(without=["Connection"]), 400, id="no connection"),
        pytest.param(handshake(Connection="close"), 400, id="connection close"),
        pytest.param(handshake(method="POST", Content_Length="0"), 405, id="POST"),
        pytest.param(handshake(method="PUT", Content_Length="0"), 405, id="PUT"),
        pytest.param(handshake(method="HEAD"), 405, id="HEAD"),
        pytest.param(handshake(version="1.0"), 505, id="HTTP 1.0"),
        pytest.param(handshake(path="/refuse/"), 403, id="refused by the consumer"),
        pytest.param(handshake(path="/\xe9cho/"), 400, id="path that is not ASCII"),
        pytest.param(handshake(**{"X-\xe9": "1"}), 400, id="header name that is not ASCII"),
    ],
)
def test_a_wrong_handshake_is_answered_with_its_status(wire, request_bytes, status):
    assert wire.send(request_bytes).status() == status
    wire.file.read()  # until the server closes the connection


def test_an_unknown_version_is_told_the_known_one(wire):
    status, headers, _ = wire.send(handshake(Sec_WebSocket_Version="99")).response()
    assert status in (400, 426)
    assert "13" in headers["sec-websocket-version"]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_handshake_may_come_in_pieces(wire, size):
    data = handshake()
    for start in range(0, len(data), size):
        wire.send(data[start : start + size])
    assert wire.status() == 101
    assert wire.send(frame(TEXT, b"hello")).frame() == (TEXT, b"hello")


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_frame_may_come_with_the_handshake(wire, pieces):
    data = handshake() + frame(TEXT, b"first") + frame(BINARY, b"second")
    cut = len(data) - 5 if pieces == 2 else len(data)
    wire.send(data[:cut])
    wire.send(data[cut:])
    assert wire.status() == 101
    assert [wire.frame(), wire.frame()] == [(TEXT, b"first"), (BINARY, b"second")]


def test_a_connection_that_brought_requests_may_become_a_websocket(wire):
    for _ in range(2):
        wire.send(b"GET /ready/ HTTP/1.1\r\nHost: test\r\n\r\n")
        assert wire.response()[::2] == (200, b"ready")
    wire.open().send(frame(TEXT, b"hello"))
    assert wire.frame() == (TEXT, b"hello")
    wire.send(close_frame(1000))
    assert wire.frame()[0] == CLOSE


def test_a_frame_may_come_with_the_handshake_of_a_connection_in_use(wire):
    wire.send(b"GET /ready/ HTTP/1.1\r\nHost: test\r\n\r\n")
    assert wire.status() == 200
    wire.send(handshake() + frame(TEXT, b"first"))
    assert wire.status() == 101
    assert wire.frame() == (TEXT, b"first")


def test_what_follows_a_handshake_is_never_taken_for_another_one(unanswered):
    """Before the consumer's answer, too: each connection is one socket with one reply channel."""
    with Wire(unanswered.interface) as wire:
        wire.send(handshake("/one/"))
        reply_channel = unanswered.receive()["reply_channel"]
        wire.send(handshake("/two/"))
        wire.wait_until_read()
        unanswered.layer.send(reply_channel, {"accept": True})
        assert wire.status() == 101
        assert unanswered.next() is None
        assert wire.frame()[0] == CLOSE


def test_what_comes_before_the_handshake_is_answered_is_bounded(unanswered):
    with Wire(unanswered.interface) as wire:
        wire.send(handshake("/patient/"))
        unanswered.receive()
        wire.socket.settimeout(1)
        message = frame(BINARY, bytes(MIB))
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(24):
                wire.send(message)


def test_a_handshake_is_told_503_while_redis_is_away():
    with RedisServer() as server, Board(server.url) as project:
        alone = Unanswered(project)
        server.stop()
        wait_until(
            lambda: alone.interface.request("GET", "/ready/").status == 503, "a refused request"
        )
        with Wire(alone.interface) as wire:
            assert wire.send(handshake()).status() == 503
        server.start()


# Headers


def get_first(wire, unanswered):
    """An HTTP request before the handshake on the same connection."""
    wire.send(b"GET /first/ HTTP/1.1\r\nHost: test\r\n\r\n")
    channel = unanswered.receive("http.request")["reply_channel"]
    unanswered.layer.send(channel, {"status": 204, "headers": [], "content": b""})
    assert wire.status() == 204


@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
@pytest.mark.parametrize("byte", [0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x0A, 0x0D], ids=hex)
def test_a_header_value_with_a_line_end_is_refused_and_smuggles_nothing(unanswered, byte, reused):
    evil = b"kind" + bytes([byte]) + b"X-Forwarded-For: 6.6.6.6"
    with Wire(unanswered.interface) as wire:
        if reused:
            get_first(wire, unanswered)
        wire.send(handshake(X_Innocent=evil))
        assert wire.status() == 400
        assert unanswered.next() is None


@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
def test_the_consumer_gets_the_headers_that_were_sent(unanswered, reused):
    with Wire(unanswered.interface) as wire:
        if reused:
            get_first(wire, unanswered)
        wire.send(handshake("/a%20b/?q=%41", X_Grape="gr\xfcn", X_Under_Score="x"))
        message = unanswered.receive()
        unanswered.layer.send(message["reply_channel"], {"accept": False})
        assert wire.status() == 403
    assert (message["path"], message["query_string"]) == ("/a b/", b"q=%41")
    assert sorted(tuple(pair) for pair in message["headers"]) == [
        (b"connection", b"Upgrade"),
        (b"host", b"test"),
        (b"sec-websocket-key", KEY),
        (b"sec-websocket-version", b"13"),
        (b"upgrade", b"websocket"),
        (b"x-grape", b"gr\xfcn"),
        (b"x-under-score", b"x"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        handshake(X_Long="x" * 16384),
        handshake(X_Long="x" * 16384)[:-4],
        b"GET /ready/ HTTP/1.1\r\nHost: test\r\nX-Long: " + b"x" * 16384 + b"\r\n\r\n",
        b"GET /ready/ HTTP/1.1\r\nHost: test\r\n" + b"X-A: b\r\n" * 3000 + b"\r\n",
        b"x" * 20000,
    ],
    ids=["handshake", "unfinished handshake", "one header", "many headers", "no request"],
)
def test_a_request_header_over_16_kib_is_refused(wire, head):
    assert wire.send(head).status() == 400


def test_a_request_header_just_under_16_kib_is_served(wire):
    assert wire.send(handshake(X_Long="x" * 16000)).status() == 101
