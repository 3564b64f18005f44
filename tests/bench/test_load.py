"""The load client counts every delivery, whatever pieces the bytes come in."""

import asyncio
import base64
import hashlib
import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import load, messages, publishers
from bench.load import CLOSE, PING, Crowd, FrameCounter
from bench.messages import MASK, client_frame, read_header

SIZE = 300


def server_frame(payload: bytes, opcode: int = 0x1) -> bytes:
    header = messages.frame_header(len(payload))
    return bytes((0x80 | opcode,)) + header[1:] + payload


def expected_frame(size: int = SIZE) -> bytes:
    return server_frame(messages.payload(1, size).encode())


def test_a_whole_frame_counts_once() -> None:
    frames = FrameCounter(SIZE)
    assert frames.receive_data(expected_frame()) == 1
    assert (frames.expected, frames.others, frames.rest) == (1, 0, b"")


@pytest.mark.parametrize("size", [64, 125, 126, 300, 65535, 65536])
def test_every_length_encoding_is_understood(size: int) -> None:
    frames = FrameCounter(size)
    assert frames.receive_data(expected_frame(size=size) * 3) == 3


def test_a_frame_that_comes_byte_by_byte_counts_at_its_last_byte() -> None:
    frames = FrameCounter(SIZE)
    counts = [frames.receive_data(bytes((byte,))) for byte in expected_frame()]
    assert counts == [0] * (len(counts) - 1) + [1]


def test_other_data_frames_are_kept_apart() -> None:
    frames = FrameCounter(SIZE)
    pulse = server_frame(b'{"type":"pulse","revision":7}')
    other_of_the_same_size = server_frame(b"y" * SIZE)
    assert frames.receive_data(pulse + expected_frame() + other_of_the_same_size) == 1
    assert (frames.expected, frames.others) == (1, 2)


def test_frames_with_a_mark_count_whatever_their_size() -> None:
    frames = FrameCounter(SIZE, b'{"type":"update",')
    post = server_frame(b'{"type":"update","revision":7}')
    longer = server_frame(b'{"type":"update","revision":' + b"1" * 300 + b"}")
    assert frames.receive_data(post + server_frame(b'{"type":"pulse"}') + longer) == 2
    assert (frames.expected, frames.others) == (2, 1)


def test_clients_in_networks_of_their_own_share_no_source_address() -> None:
    assert load.source(0) is None and load.source(load.SOCKETS_PER_ADDRESS)
    addresses = {load.source(number, network) for network in (1, 2) for number in (0, 14_999)}
    assert len(addresses) == 4 and None not in addresses


def test_control_frames_wait_for_their_answer() -> None:
    frames = FrameCounter(SIZE)
    frames.receive_data(server_frame(b"are you there", PING) + server_frame(b"\x03\xe8", CLOSE))
    assert frames.control == [(PING, b"are you there"), (CLOSE, b"\x03\xe8")]
    assert (frames.expected, frames.others) == (0, 0)


@given(
    kinds=st.lists(st.sampled_from(("expected", "pulse", "ping", "empty", "long")), max_size=12),
    cuts=st.lists(st.integers(min_value=1, max_value=400), max_size=60),
)
def test_the_counts_do_not_depend_on_how_the_stream_is_cut(
    kinds: list[str], cuts: list[int]
) -> None:
    built = {
        "expected": expected_frame(),
        "pulse": server_frame(b'{"type":"pulse"}'),
        "ping": server_frame(b"p", PING),
        "empty": server_frame(b""),
        "long": server_frame(b"z" * 70_000, 0x2),
    }
    stream = b"".join(built[kind] for kind in kinds)
    frames, position, counted = FrameCounter(SIZE), 0, 0
    for cut in [*cuts, len(stream)]:
        counted += frames.receive_data(stream[position : position + cut])
        position += cut
    assert counted == frames.expected == kinds.count("expected")
    assert frames.others == sum(kind in ("pulse", "empty", "long") for kind in kinds)
    assert len(frames.control) == kinds.count("ping")
    assert frames.rest == b""


def test_a_header_that_is_not_all_there_has_no_length() -> None:
    assert read_header(b"\x81", 0) == (0, None)
    assert read_header(b"\x81\x7e\x01", 0) == (0, None)
    assert read_header(b"\x81\x7e\x01\x2c", 0) == (4, 300)
    assert read_header(b"..\x81\x05", 2) == (4, 5)


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_client_frames_are_masked_and_tell_their_length(size: int) -> None:
    payload = b"a" * size
    frame = client_frame(0x1, payload)
    start, length = read_header(bytes((frame[0], frame[1] & 0x7F)) + frame[2:], 0)
    assert frame[0] == 0x81 and frame[1] & 0x80
    assert length == size
    assert frame[start : start + 4] == MASK
    masked = frame[start + 4 :]
    assert bytes(byte ^ MASK[i & 3] for i, byte in enumerate(masked)) == payload


# The opening handshake

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUPGRADE: websocket\r\nConnection: Upgrade\r\n"
    b"sec-websocket-accept: " + load.ACCEPT
)


def test_the_accept_value_is_that_of_the_standard() -> None:
    """The example of RFC 6455, section 1.3."""
    digest = hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==" + messages.WEBSOCKET_GUID).digest()
    assert base64.b64encode(digest) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_request_names_its_own_origin() -> None:
    request = load.handshake({"host": "127.0.0.1", "port": 8000, "path": "/channel/test/"})
    assert request.startswith(b"GET /channel/test/ HTTP/1.1\r\n")
    assert b"\r\nOrigin: http://127.0.0.1:8000\r\n" in request
    assert request.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (b"HTTP/1.1 503 Service Unavailable", "503 Service Unavailable"),
        (ACCEPTED.replace(load.ACCEPT, b"wrong"), "wrong Sec-WebSocket-Accept"),
    ],
)
def test_any_answer_but_a_valid_101_is_a_refusal_with_its_reason(
    head: bytes, sentence: str
) -> None:
    assert load.refusal(ACCEPTED) is None
    assert sentence in str(load.refusal(head))


class Transport:
    """Takes what a client writes."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)


def test_bytes_behind_the_handshake_belong_to_the_stream() -> None:
    async def receive() -> load.Socket:
        opened: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        client = load.Socket(b"", SIZE, opened)
        client.transport = Transport()
        for piece in (ACCEPTED[:9], ACCEPTED[9:], b"\r\n\r\n" + expected_frame() * 2):
            assert not opened.done()
            client.data_received(piece)
        assert opened.result() is None
        return client

    assert asyncio.run(receive()).counter.expected == 2


# One who sends to all


def unmasked(frame: bytes) -> str:
    """The text of a client's frame of 126 to 65535 bytes."""
    mask, masked = frame[4:8], frame[8:]
    return bytes(byte ^ mask[index & 3] for index, byte in enumerate(masked)).decode()


def test_the_readers_take_turns_and_send_json_that_counts_as_a_broadcast() -> None:
    crowd = Crowd(SIZE)
    for _ in range(3):
        crowd.readers.append(load.Reader(crowd, b"", None))
        crowd.readers[-1].transport = Transport()
    assert crowd.say() <= crowd.say() <= crowd.say()
    texts = [unmasked(frame) for each in crowd.readers for frame in each.transport.frames]
    assert sorted(json.loads(text)["bench"] for text in texts) == [
        load.FIRST_SAID + number for number in range(3)
    ]
    for text in texts:
        assert FrameCounter(SIZE).receive_data(server_frame(text.encode())) == 1


# nchan's publisher, whose answers come pipelined


@pytest.mark.parametrize("status", [b"202 Accepted", b"403 Forbidden"])
def test_pipelined_posts_are_counted_and_a_refusal_is_an_error(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\nok\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                received = b""
                while received.count(b"POST /publish HTTP/1.1") < 3 or received[-1:] != b"c":
                    received += client.recv(65536)
                for start in range(0, 3 * len(answer), 7):
                    client.sendall((3 * answer)[start : start + 7])

        threading.Thread(target=serve, daemon=True).start()
        publish = publishers.http_posts(str(server.getsockname()[1]), "/publish")
        if status.startswith(b"2"):
            publish(["a", "b", "c"])
        else:
            with pytest.raises(ConnectionError, match="403"):
                publish(["a", "b", "c"])
