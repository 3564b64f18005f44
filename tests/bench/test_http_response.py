"""HTTP responses are told apart in the byte stream, however they are delimited."""

import pytest

from bench.client.http_response import ResponseReader

BODIES = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "length, not last": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nServer: x\r\n\r\nok",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    "no body": b"HTTP/1.1 202 Accepted\r\n\r\n",
}


@pytest.mark.parametrize("response", BODIES.values(), ids=BODIES)
def test_a_response_ends_at_its_last_byte(response):
    reader = ResponseReader()
    statuses = [reader.receive_data(bytes((byte,))) for byte in response]
    assert statuses[:-1] == [None] * (len(response) - 1)
    assert statuses[-1] == int(response[9:12])
    assert reader.buffer == b""


def test_pipelined_responses_are_taken_one_by_one():
    reader = ResponseReader()
    assert reader.receive_data(BODIES["length"] + BODIES["chunks"]) == 200
    assert reader.receive_data(b"") == 200
    assert reader.receive_data(b"") is None


def test_a_server_may_ask_to_close():
    reader = ResponseReader()
    reader.receive_data(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert not reader.keep_alive
