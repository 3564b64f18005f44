"""permessage-deflate as bytes: what is negotiated, how frames are made, what is inflated."""

import json
import os
import zlib

import pytest
from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.websocket.compression import (
    ACCEPTED,
    ALONE,
    END,
    MOST_HISTORIES,
    REACH,
    SMALL,
    SMALLEST,
    WINDOW_BITS,
    Corrupt,
    Histories,
    History,
    TooLong,
    compress_frame,
    inflate,
    longest_compressed,
    negotiate,
)
from channels_realtime.interface.websocket.framing import BINARY, TEXT, encode_frame

MIB = 1 << 20


def compressed(message, level=6, flush=zlib.Z_SYNC_FLUSH):
    """As RFC 7692, section 7.2.1, says."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = compressor.compress(message) + compressor.flush(flush)
    return data[:-4] if flush == zlib.Z_SYNC_FLUSH else data + b"\x00"


# Negotiation: RFC 7692, sections 5 and 7.1


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (b"permessage-deflate; client_max_window_bits", ACCEPTED),  # Chromium
        (b"permessage-deflate", ACCEPTED),  # Firefox
        (
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            ACCEPTED + ALONE,
        ),
        (
            b"permessage-deflate; server_no_context_takeover; server_max_window_bits=14",
            ACCEPTED + ALONE + SMALL,
        ),
        (b"permessage-deflate; client_max_window_bits=8", ACCEPTED),
        (b"permessage-deflate; server_max_window_bits=15", ACCEPTED + SMALL),
        (b"permessage-deflate; server_max_window_bits=12", ACCEPTED + SMALL),
        (b'permessage-deflate; server_max_window_bits="1\\2"', ACCEPTED + SMALL),
        (b" permessage-deflate\t;server_max_window_bits = 13 ,", ACCEPTED + SMALL),
        (b"x-other; a=1, permessage-deflate", ACCEPTED),
        (b"permessage-deflate; server_max_window_bits=10, permessage-deflate", ACCEPTED),
        (b"permessage-deflate, permessage-deflate; server_max_window_bits=12", ACCEPTED),
    ],
)
def test_an_offer_is_accepted_as_far_as_the_client_wants_it(header, answer):
    assert negotiate(header) == answer


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b",",
        b"x-webkit-deflate-frame",
        b"permessage-bzip2",
        b"permessage-deflate; unknown",
        b"permessage-deflate; unknown=1",
        b"permessage-deflate; server_no_context_takeover=1",
        b"permessage-deflate; client_no_context_takeover=true",
        b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        b"permessage-deflate; client_max_window_bits; client_max_window_bits=15",
        b"permessage-deflate; server_max_window_bits",
        b"permessage-deflate; server_max_window_bits=7",
        b"permessage-deflate; server_max_window_bits=16",
        b"permessage-deflate; server_max_window_bits=012",
        b"permessage-deflate; server_max_window_bits=+12",
        b"permessage-deflate; server_max_window_bits=x",
        b"permessage-deflate; client_max_window_bits=7",
        b"permessage-deflate; client_max_window_bits=16",
        b"permessage-deflate; client_max_window_bits=08",
        b"permessage-deflate; server_max_window_bits=8",  # a window that broadcasts do not have
        b"permessage-deflate; server_max_window_bits=11",
    ],
)
def test_an_offer_that_is_invalid_or_unknown_is_declined(header):
    assert negotiate(header) == b""


@pytest.mark.parametrize(
    "header",
    [
        b"permessage deflate",
        b"permessage-deflate;",
        b"; server_no_context_takeover",
        b"permessage-deflate; =1",
        b"permessage-deflate; client_max_window_bits=",
        b'permessage-deflate; client_max_window_bits=""',
        b'permessage-deflate; client_max_window_bits="15',
        b'x; y="a b", permessage-deflate',
        b'x; y="a,b", permessage-deflate',
        b"permessage-deflate; a=b=c",
        b"permessage-deflat\xe9",
    ],
)
def test_a_malformed_header_is_refused(header):
    with pytest.raises(Refused) as refused:
        negotiate(header)
    assert refused.value.answer.startswith(b"HTTP/1.1 400 ")


# Frames to clients


def payload_of(frame):
    """The payload of an unmasked frame."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


@pytest.mark.parametrize("size", [SMALLEST, 1200, 65535, 65536, 300_000])
@pytest.mark.parametrize("first_byte", [TEXT, BINARY])
def test_a_frame_is_compressed_for_the_smallest_window(first_byte, size):
    message = json.dumps({"text": "What the reader sees. " * (size // 22 + 1)}).encode()[:size]
    frame = compress_frame(encode_frame(first_byte, message))
    assert frame[0] == first_byte | 0x40
    assert len(frame) < size
    inflater = zlib.decompressobj(-WINDOW_BITS)
    assert inflater.decompress(payload_of(frame) + END) == message
    assert inflater.eof


@pytest.mark.parametrize("message", [b"", b"x" * (SMALLEST - 1)])
def test_what_is_short_stays_as_it_is(message):
    frame = encode_frame(TEXT, message)
    assert compress_frame(frame) is frame


class Client:
    """Inflates frames in a window that lasts."""

    def __init__(self):
        self.inflater = zlib.decompressobj(-WINDOW_BITS)
        self.extension, self.history, self.since = ACCEPTED, None, 0

    def read(self, frames):
        """The payloads of the frames."""
        found = []
        while frames:
            start = {126: 4, 127: 10}.get(frames[1], 2)
            size = frames[1] if start == 2 else int.from_bytes(frames[2:start], "big")
            payload, first = frames[start : start + size], frames[0]
            frames = frames[start + size :]
            if first & 0x40:
                payload = self.inflater.decompress(payload + b"\x00\x00\xff\xff")
            found.append(payload)
        return found


def news(number, size=1000):
    """A message of about so many bytes, in words that depend on its number."""
    words = [f"{(number * 31 + word * word) % 977:x}" for word in range(size // 4)]
    return json.dumps({"type": "update", "id": number, "content": " ".join(words)}).encode()


@pytest.mark.parametrize("size", [60, 500, 1000, 3000, 30_000])
@pytest.mark.parametrize("run", [1, 3, 20])
def test_clients_that_come_at_any_time_read_what_refers_to_earlier_broadcasts(size, run):
    history, number, clients, continued = History(), 0, [], 0
    for _ in range(10):
        messages = [news(number + step, size) for step in range(run)]
        number += run
        frames = [encode_frame(TEXT, message) for message in messages]
        clients.append(Client())
        newcomers = []
        for client in clients:
            if client.history is history and client.since <= history.first:
                continued += 1
                assert client.read(history.continue_with(frames)) == messages
            else:
                alone = b"".join(map(compress_frame, frames))
                assert client.read(alone) == messages
                newcomers.append(client)
        history.append(frames, newcomers)
        assert history.size == sum(map(len, history.payloads)) <= REACH
    assert continued or size < SMALLEST


def test_what_refers_to_earlier_broadcasts_is_shorter():
    history = History()
    history.append([encode_frame(TEXT, news(1))], [])
    frame = encode_frame(TEXT, news(2))
    assert len(history.continue_with([frame])) < len(compress_frame(frame))


def test_histories_are_kept_of_so_many_groups_that_were_sent_to_last():
    histories = Histories()
    kept, dropped = histories.of("kept"), histories.of("dropped")
    dropped.append([encode_frame(TEXT, news(1))], [])
    for number in range(MOST_HISTORIES - 1):
        histories.of(f"group-{number}")
        assert histories.of("kept") is kept
    assert len(histories.by_group) == MOST_HISTORIES
    assert not dropped.payloads  # a socket may still refer to it
    assert histories.of("dropped") is not dropped


# Messages of clients

HELLO = {
    "one block": "f2 48 cd c9 c9 07 00",
    "no compression": "00 05 00 fa ff 48 65 6c 6c 6f 00",
    "a final block": "f3 48 cd c9 c9 07 00 00",
    "two blocks": "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
}


@pytest.mark.parametrize("payload", HELLO.values(), ids=HELLO)
def test_the_examples_of_the_rfc_are_inflated(payload):
    """RFC 7692, section 7.2.3."""
    assert inflate(bytes.fromhex(payload), 5) == b"Hello"


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH], ids=["sync", "finish"])
def test_whatever_a_compressor_makes_is_inflated(level, flush):
    for message in (b"", b"x", b"text " * 1000, os.urandom(100_000)):
        data = compressed(message, level, flush)
        assert inflate(data, len(message)) == message
        assert len(data) <= longest_compressed(len(message))


def test_several_streams_are_inflated_up_to_a_number():
    stream = compressed(b"again ", flush=zlib.Z_FINISH)[:-1]
    assert inflate(stream * 5 + b"\x00", 100) == b"again " * 5
    with pytest.raises(Corrupt):
        inflate(stream * 1000 + b"\x00", MIB)


def test_an_empty_payload_is_an_empty_message():
    assert inflate(b"", 100) == b""


@pytest.mark.parametrize("message", [b"x" * 101, bytes(50 * MIB)])
def test_nothing_is_inflated_past_the_limit(message):
    with pytest.raises(TooLong):
        inflate(compressed(message), 100)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x07",  # a block of the reserved type
        b"text, not compressed",
        compressed(b"text " * 100)[:-3],
        compressed(os.urandom(1000))[:500],
        compressed(b"text") + b"x",
        compressed(b"text", flush=zlib.Z_FINISH)[:-1],  # section 7.2.1: no empty block behind it
        compressed(b"text", flush=zlib.Z_FINISH) + b"text",
        zlib.compress(b"text"),  # zlib's own header
    ],
)
def test_what_no_compressor_makes_is_corrupt(payload):
    with pytest.raises(Corrupt):
        inflate(payload, MIB)
