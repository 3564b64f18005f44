"""The opening handshake, and only a valid answer to it, makes a socket."""

import base64
import hashlib

import pytest

from bench.client import handshake

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUPGRADE: websocket\r\nConnection: Upgrade\r\n"
    b"sec-websocket-accept: " + handshake.ACCEPT + b"\r\n\r\n"
)


def test_the_accept_value_is_that_of_the_standard():
    """The example of RFC 6455 §1.3."""
    digest = hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==" + handshake.MAGIC).digest()
    assert base64.b64encode(digest) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_request_names_its_own_origin():
    request = handshake.request("127.0.0.1", 8000, "/channel/test/")
    assert request.startswith(b"GET /channel/test/ HTTP/1.1\r\n")
    assert b"\r\nOrigin: http://127.0.0.1:8000\r\n" in request
    assert request.endswith(b"\r\n\r\n")


def test_bytes_behind_the_answer_belong_to_the_stream():
    assert handshake.read_response(ACCEPTED + b"\x81\x00") == b"\x81\x00"


def test_an_answer_that_is_not_all_there_is_waited_for():
    assert handshake.read_response(ACCEPTED[:-1]) is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "503 Service Unavailable"),
        (ACCEPTED.replace(handshake.ACCEPT, b"wrong"), "wrong Sec-WebSocket-Accept"),
    ],
)
def test_any_other_answer_is_a_refusal_that_says_why(answer, sentence):
    with pytest.raises(handshake.HandshakeRefused, match=sentence):
        handshake.read_response(answer)
