"""A reader across its connections requests what it has missed, as its system's own client does."""

import asyncio
import json
from typing import Any

import pytest

from bench import load, messages
from bench.crowds.jitter_client import (
    Client,
    FrameList,
    LiveBlogReader,
    PlainReader,
    Reader,
    Run,
    SocketIoReader,
)

NEWEST = 10  # what the readers have when the messages begin


def server_frame(payload: bytes, opcode: int = load.TEXT) -> bytes:
    header = messages.frame_header(len(payload))
    return bytes((0x80 | opcode,)) + header[1:] + payload


class Connection:
    """Takes what a reader sends."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        self.sent.append(text)


def made(kind: type[Reader], count: int = 5) -> Reader:
    run = Run({"host": "127.0.0.1", "port": 1, "path": "/path/"}, NEWEST)
    run.messages = count
    return kind(run, None)


def received(reader: Reader) -> list[int]:
    return [NEWEST + 1 + i for i, moment in enumerate(reader.received_at) if moment]


def encoded(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_frames_are_collected_whatever_pieces_they_come_in(step: int) -> None:
    payloads = [b"short", b"x" * 300, b"y" * 70_000]
    stream = b"".join(map(server_frame, payloads)) + server_frame(b"p", load.PING)
    frames = FrameList()
    for start in range(0, len(stream), step):
        frames.receive_data(stream[start : start + step])
    assert frames.payloads == payloads
    assert (frames.control, frames.rest) == ([(load.PING, b"p")], b"")


def test_a_message_that_comes_twice_counts_once() -> None:
    reader, connection = made(PlainReader), Connection()
    for number in (11, 12, 12, 9, 99):
        reader.receive(connection, messages.payload(number, 300).encode())
    reader.receive(connection, b'{"type":"pulse"}')
    assert received(reader) == [11, 12]
    assert (reader.run.received, reader.run.repeated) == (2, 1)


def test_a_page_of_the_live_blog_comes_back_after_what_it_has_without_a_gap() -> None:
    async def read() -> None:
        reader, connection = made(LiveBlogReader), Connection()
        assert reader.path() == "/path/?after=10"
        reader.receive(connection, encoded(type="update", revision=11))
        reader.receive(connection, encoded(type="update", revision=13))
        assert reader.path() == "/path/?after=11"
        rows = [{"revision": 12}, {"revision": 13}]
        reader.receive(connection, encoded(type="replay", revision=13, updates=rows))
        assert reader.path() == "/path/?after=13"
        assert received(reader) == [11, 12, 13]

    asyncio.run(read())


def test_a_page_asks_about_a_gap_that_lasts() -> None:
    async def read() -> None:
        reader, connection = made(LiveBlogReader), Connection()
        reader.connection = connection
        reader.receive(connection, encoded(type="pulse", revision=12, readers=1))
        assert reader.gap and not connection.sent
        reader.gap.cancel()
        reader.ask_about_gap(12)
        assert connection.sent == ['{"after": 10}']

    asyncio.run(read())


def test_a_client_of_socket_io_recovers_its_session_from_its_last_offset() -> None:
    reader, first, second = made(SocketIoReader), Connection(), Connection()
    reader.receive(first, b'0{"sid":"a","pingInterval":25000}')
    reader.receive(first, b'40{"sid":"b","pid":"private"}')
    reader.receive(first, b"2")
    event = ["post", messages.payload(11, 300), "offset-11"]
    reader.receive(first, b"42" + json.dumps(event).encode())
    reader.receive(second, b'0{"sid":"c","pingInterval":25000}')
    reader.receive(second, b'40{"sid":"b","pid":"private"}')
    assert first.sent == ["40", "3"]
    assert json.loads(second.sent[0][2:]) == {"pid": "private", "offset": "offset-11"}
    assert received(reader) == [11] and reader.run.unrecovered == 0
    reader.receive(second, b'40{"sid":"d","pid":"another"}')
    assert reader.run.unrecovered == 1


def test_what_was_published_before_the_reader_was_back_came_by_replay() -> None:
    client, reader = Client(), made(PlainReader, count=4)
    client.readers = [reader]
    reader.received_at[:] = type(reader.received_at)("d", [1.0, 5.0, 5.5, 0.0])
    reader.back_at[:] = type(reader.back_at)("d", [0.0, 4.0, 4.0, 0.0])
    answer = asyncio.run(client.evaluate([0.9, 2.0, 5.25, 6.0]))
    assert (answer["received"], answer["replay_p99"]) == (75, 3.0)
    assert answer["live_p99"] == 250
    assert answer["replayed"] == pytest.approx(100 / 3)
