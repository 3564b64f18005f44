"""permessage-deflate (RFC 7692) over real sockets, likewise."""

import os
import struct
import zlib
from contextlib import ExitStack

import pytest
from channels_realtime.interface.websocket.compression import SMALLEST
from harness.clients import Client
from harness.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MIB,
    PING,
    PONG,
    TEXT,
    Wire,
    frame,
    handshake,
)
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

OFFER = {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"}
ANSWER = "permessage-deflate; client_no_context_takeover"
RSV1 = 4
NEWS = "The two craft came apart on the far side. " * 30


def deflated(message):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload):
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + b"\0\0\xff\xff")


@pytest.fixture
def echo(wire):
    """A WebSocket to the echo, with compression."""
    return wire.open(**OFFER)


class Crowd:
    """Sockets of a server without workers: the test is their consumer."""

    def __init__(self, unanswered):
        self.layer = unanswered.layer
        self.unanswered = unanswered

    def join(self, wire, accept=True, group="crowd", **headers):
        """Request a WebSocket, and put it into the group; its reply channel."""
        wire.send(handshake(**headers))
        channel = self.unanswered.receive()["reply_channel"]
        self.layer.group_add(group, channel)
        if accept:
            self.layer.send(channel, {"accept": True})
            assert wire.status() == 101
        return channel

    def tell(self, **message):
        self.layer.send_group("crowd", message)


@pytest.fixture
def crowd(unanswered):
    return Crowd(unanswered)


# Negotiation


def test_an_offer_is_accepted_in_the_handshake(wire):
    status, headers, _ = wire.send(handshake(**OFFER)).response()
    assert (status, headers["sec-websocket-extensions"]) == (101, ANSWER)


def test_an_offer_that_cannot_be_accepted_leaves_a_plain_socket(wire):
    offer = {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=9"}
    status, headers, _ = wire.send(handshake(**offer)).response()
    assert status == 101 and "sec-websocket-extensions" not in headers
    wire.send(frame(TEXT, b"x", reserved=RSV1)).assert_closed(1002)


def test_a_malformed_header_is_refused(wire):
    assert wire.send(handshake(Sec_WebSocket_Extensions="permessage-deflate;")).status() == 400


def test_compression_can_be_switched_off(project):
    interface = project.interface("--compression", "0").wait_for_worker()
    with Wire(interface) as wire:
        status, headers, _ = wire.send(handshake(**OFFER)).response()
        assert status == 101 and "sec-websocket-extensions" not in headers


# To clients


@pytest.mark.parametrize(
    "message", [{"text": NEWS}, {"bytes": NEWS.encode()}], ids=["text", "binary"]
)
def test_a_broadcast_is_compressed_for_those_who_take_it_so(crowd, message):
    opcode = TEXT if "text" in message else BINARY
    with Wire(crowd.unanswered.interface) as plain, Wire(crowd.unanswered.interface) as small:
        crowd.join(plain)
        crowd.join(small, **OFFER)
        crowd.tell(**message)
        assert plain.frame() == (opcode, NEWS.encode())
        found, payload = small.frame(RSV1)
        assert (found, inflated(payload)) == (opcode, NEWS.encode())
        assert len(payload) < len(NEWS) / 5


class Reader:
    """A client that keeps its window, as RFC 7692 has it."""

    def __init__(self, crowd, exits, offer="permessage-deflate", group="crowd"):
        self.wire = exits.enter_context(Wire(crowd.unanswered.interface))
        self.alone = "no_context" in offer
        self.channel = crowd.join(self.wire, group=group, Sec_WebSocket_Extensions=offer)
        self.inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def read(self):
        """The text of the next frame, which is compressed, and its length there."""
        opcode, payload = self.wire.frame(RSV1)
        assert opcode == TEXT
        if self.alone:
            return inflated(payload).decode(), len(payload)
        text = self.inflater.decompress(payload + b"\0\0\xff\xff").decode()
        return text, len(payload)


def test_readers_who_came_earlier_get_what_refers_to_earlier_broadcasts(crowd):
    with ExitStack() as exits:
        readers = [Reader(crowd, exits)]
        readers.append(Reader(crowd, exits, "permessage-deflate; server_no_context_takeover"))
        lengths = []
        for number in range(5):
            crowd.tell(text=f"{number} {NEWS}")
            crowd.tell(text="short ones are part of no window")
            crowd.layer.send(readers[0].channel, {"text": NEWS})  # nor are replies
            lengths.append([])
            for reader in readers:
                text, length = reader.read()
                assert text == f"{number} {NEWS}"
                lengths[-1].append(length)
                assert reader.wire.frame() == (TEXT, b"short ones are part of no window")
            assert readers[0].wire.frame() == (TEXT, NEWS.encode())
            readers.append(Reader(crowd, exits))
        first, alone, newcomer = lengths[-1][0], lengths[-1][1], lengths[-1][-1]
        assert first < alone / 2
        assert alone == newcomer


def test_a_reader_who_leaves_for_a_while_can_read_what_follows(crowd):
    with ExitStack() as exits:
        reader, witness = Reader(crowd, exits), Reader(crowd, exits)
        for number in range(6):
            if number == 2:
                crowd.layer.group_discard("crowd", reader.channel)
            if number == 4:
                crowd.layer.group_add("crowd", reader.channel)
            crowd.tell(text=f"{number} {NEWS}")
            assert witness.read()[0] == f"{number} {NEWS}"
            if number not in (2, 3):
                assert reader.read()[0] == f"{number} {NEWS}"


def test_a_reader_in_two_groups_can_read_both(crowd):
    with ExitStack() as exits:
        reader, witness = Reader(crowd, exits), Reader(crowd, exits, group="others")
        crowd.layer.group_add("others", reader.channel)
        for number in range(8):
            group = "others" if number in (2, 3, 6) else "crowd"
            crowd.layer.send_group(group, {"text": f"{number} {NEWS}"})
            assert reader.read()[0] == f"{number} {NEWS}"
            if group == "others":
                assert witness.read()[0] == f"{number} {NEWS}"


def test_messages_of_any_size_arrive_in_their_order(crowd):
    """Several of them are written at once, each with its own context."""
    texts = [f"{number} {NEWS}"[: 40 if number % 3 else None] for number in range(30)]
    with Wire(crowd.unanswered.interface) as wire:
        channel = crowd.join(
            wire, Sec_WebSocket_Extensions="permessage-deflate; server_no_context_takeover"
        )
        for text in texts:
            crowd.tell(text=text)
        crowd.layer.send(channel, {"text": NEWS})
        for text in texts:
            long = len(text) > SMALLEST
            opcode, payload = wire.frame(RSV1 if long else 0)
            assert (opcode, inflated(payload) if long else payload) == (TEXT, text.encode())
        assert wire.frame() == (TEXT, NEWS.encode())  # for this socket alone: not compressed


def test_a_broadcast_before_the_answer_to_the_handshake_is_kept_compressed(crowd):
    with Wire(crowd.unanswered.interface) as wire, Wire(crowd.unanswered.interface) as witness:
        crowd.join(witness)
        channel = crowd.join(wire, accept=False, **OFFER)
        crowd.tell(text=NEWS)
        assert witness.frame() == (TEXT, NEWS.encode())
        crowd.layer.send(channel, {"accept": True})
        assert wire.status() == 101
        opcode, payload = wire.frame(RSV1)
        assert (opcode, inflated(payload)) == (TEXT, NEWS.encode())


# From clients


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65536, MIB])
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
def test_a_compressed_message_of_any_size_comes_back(echo, opcode, size):
    message = b"*" * size if opcode == TEXT else os.urandom(size)
    assert echo.send(frame(opcode, deflated(message), reserved=RSV1)).frame() == (opcode, message)


def test_plain_and_compressed_messages_may_alternate(echo):
    echo.send(frame(TEXT, deflated(b"one"), reserved=RSV1), frame(TEXT, b"two"))
    echo.send(frame(TEXT, deflated(b"three"), reserved=RSV1))
    assert [echo.frame()[1] for _ in range(3)] == [b"one", b"two", b"three"]


def test_a_compressed_message_may_come_in_fragments(echo):
    message = "κόσμε ".encode() * 100
    data = deflated(message)
    echo.send(frame(TEXT, data[:1], fin=False, reserved=RSV1), frame(PING, b"between"))
    assert echo.frame() == (PONG, b"between")
    for byte in data[1:]:
        echo.send(frame(CONTINUATION, bytes([byte]), fin=False))
    assert echo.send(frame(CONTINUATION)).frame() == (TEXT, message)


@pytest.mark.parametrize(
    "data",
    [
        frame(PING, deflated(b"x"), reserved=RSV1),
        frame(PONG, b"", reserved=RSV1),
        frame(CLOSE, struct.pack(">H", 1000), reserved=RSV1),
        frame(TEXT, deflated(b"x"), fin=False, reserved=RSV1) + frame(CONTINUATION, reserved=RSV1),
        frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", reserved=RSV1),
        frame(TEXT, deflated(b"x"), reserved=2),
        frame(TEXT, deflated(b"x"), reserved=RSV1 | 1),
    ],
    ids=["ping", "pong", "close", "continuation", "plain continuation", "RSV2", "RSV1 and RSV3"],
)
def test_reserved_bits_elsewhere_are_a_protocol_error(echo, data):
    echo.send(data).assert_closed(1002)


@pytest.mark.parametrize(
    "payload",
    [b"not compressed", deflated(b"text " * 100)[:-3], deflated(b"text") + b"x", b"\x07"],
    ids=["plain", "cut short", "one byte more", "reserved block"],
)
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
def test_data_that_cannot_be_inflated_are_refused(echo, opcode, payload):
    echo.send(frame(opcode, payload, reserved=RSV1)).assert_closed(1007)


def test_compressed_text_that_is_no_utf_8_is_refused(echo):
    echo.send(frame(TEXT, deflated(b"\xed\xa0\x80"), reserved=RSV1)).assert_closed(1007)


def test_a_message_that_grows_over_the_largest_size_is_refused(strict):
    for size, code in ((1000, None), (1001, 1009)):
        with Wire(strict) as wire:
            wire.open(**OFFER).send(frame(TEXT, deflated(b"x" * size), reserved=RSV1))
            opcode, payload = wire.frame()
            if code is None:
                assert (opcode, payload) == (TEXT, b"x" * size)
            else:
                assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (code,))


@pytest.mark.parametrize("parts", [1, 20], ids=["whole", "fragments"])
def test_a_bomb_is_refused_and_takes_no_memory(interface, parts):
    bomb = deflated(bytes(200 * MIB))
    step = len(bomb) // parts + 1
    pieces = [bomb[start : start + step] for start in range(0, len(bomb), step)]
    with Wire(interface) as wire:
        wire.open(**OFFER)
        for number, piece in enumerate(pieces):
            opcode, reserved = (CONTINUATION, 0) if number else (BINARY, RSV1)
            wire.send(frame(opcode, piece, number == len(pieces) - 1, reserved))
        opcode, payload = wire.frame()
        assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (1009,))
    with open(f"/proc/{interface.pid}/status") as lines:
        [peak] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    assert peak << 10 < 150 * MIB


def test_what_is_inflated_counts_against_the_message_rate(unanswered):
    """50 messages a second, which may inflate to 800 KiB."""
    with Wire(unanswered.interface) as wire:
        wire.send(handshake(**OFFER))
        unanswered.layer.send(unanswered.receive()["reply_channel"], {"accept": True})
        assert wire.status() == 101
        large = frame(TEXT, deflated(b"x" * MIB), reserved=RSV1)
        wire.send(large * 2, frame(TEXT, b"one too many") * 2)
        opcode, payload = wire.frame()
        assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (4429,))
        for _ in range(2):
            assert len(unanswered.receive("websocket.receive")["text"]) == MIB
        assert unanswered.next("websocket.receive") is None


# An independent implementation


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
        {"server_max_window_bits": 12, "client_max_window_bits": 9},
        {"server_max_window_bits": 15, "client_max_window_bits": True},
    ],
    ids=["plain", "no takeover", "small windows", "large windows"],
)
def test_another_implementation_reads_and_writes_compressed_messages(interface, parameters):
    extensions = [ClientPerMessageDeflateFactory(**parameters)]
    url = f"ws://127.0.0.1:{interface.port}/room/{os.urandom(4).hex()}/"
    with Client(url, compression=None, extensions=extensions) as client:
        assert [type(e).__name__ for e in client.connection.protocol.extensions] == [
            "PerMessageDeflate"
        ]
        for number in range(3):
            assert client.ask(f"{number} {NEWS}") == f"somebody: {number} {NEWS}"
