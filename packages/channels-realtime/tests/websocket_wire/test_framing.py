"""Messages, control frames, errors and caps (RFC 6455, sections 5 to 8), likewise."""

import os
import socket
import struct

import pytest
from harness.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MIB,
    PING,
    PONG,
    TEXT,
    Wire,
    close_frame,
    frame,
    handshake,
)

# Messages

SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, MIB]


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_comes_back(echo, opcode, size):
    payload = b"*" * size if opcode == TEXT else os.urandom(size)
    assert echo.send(frame(opcode, payload)).frame() == (opcode, payload)


def test_messages_come_back_in_their_order(echo):
    payloads = [str(number).encode() for number in range(20)]
    echo.send(*[frame(TEXT, payload) for payload in payloads])
    assert [echo.frame() for _ in payloads] == [(TEXT, payload) for payload in payloads]


def test_a_frame_may_come_byte_by_byte(echo):
    for byte in frame(TEXT, "wörtlich".encode()):
        echo.send(bytes([byte]))
    assert echo.frame() == (TEXT, "wörtlich".encode())


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize(
    "fragments",
    [[b"", b""], [b"", b"", b""], [b"", b"middle", b""], [b"a", b"b"], [b"x" * 60000] * 3],
    ids=["two empty", "three empty", "middle", "two", "large"],
)
def test_fragments_are_put_together(echo, opcode, fragments):
    first, *middle, last = fragments
    echo.send(frame(opcode, first, fin=False))
    for fragment in middle:
        echo.send(frame(CONTINUATION, fragment, fin=False))
    echo.send(frame(CONTINUATION, last))
    assert echo.frame() == (opcode, b"".join(fragments))


def test_control_frames_may_come_between_fragments(echo):
    echo.send(frame(TEXT, b"one ", fin=False), frame(PING, b"first"))
    echo.send(frame(CONTINUATION, b"two ", fin=False), frame(PONG, b"ignored"))
    echo.send(frame(PING, b"second"), frame(CONTINUATION, b"three"))
    assert echo.frame() == (PONG, b"first")
    assert echo.frame() == (PONG, b"second")
    assert echo.frame() == (TEXT, b"one two three")


@pytest.mark.parametrize(
    "data",
    [
        frame(CONTINUATION, b"orphan"),
        frame(CONTINUATION, b"orphan", fin=False),
        frame(TEXT, b"one", fin=False) + frame(TEXT, b"two"),
        frame(TEXT, b"one", fin=False) + frame(BINARY, b"two", fin=False),
    ],
    ids=["orphan", "unfinished orphan", "text in text", "binary in text"],
)
def test_fragments_out_of_order_are_a_protocol_error(echo, data):
    echo.send(data).assert_closed(1002)


# Ping and pong


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_ping_is_answered_with_its_payload(echo, size):
    payload = os.urandom(size)
    assert echo.send(frame(PING, payload)).frame() == (PONG, payload)


def test_pings_are_answered_in_their_order(echo):
    echo.send(*[frame(PING, bytes([number])) for number in range(10)])
    assert [echo.frame() for _ in range(10)] == [(PONG, bytes([n])) for n in range(10)]


def test_a_pong_that_nobody_asked_for_is_ignored(echo):
    echo.send(frame(PONG), frame(PONG, b"unasked"), frame(PING, b"asked"))
    assert echo.frame() == (PONG, b"asked")


def test_an_answered_ping_may_come_between_fragments(echo):
    echo.send(frame(TEXT, b"one ", fin=False), frame(PING, b"first"))
    assert echo.frame() == (PONG, b"first")
    echo.send(frame(PONG))  # alone, as a silent client sends it
    echo.send(frame(PING, b"second"))
    assert echo.frame() == (PONG, b"second")
    assert echo.send(frame(CONTINUATION, b"two")).frame() == (TEXT, b"one two")


def test_pongs_to_a_client_that_does_not_read_are_bounded(strict):
    with Wire(strict, receive_buffer=4096) as wire:
        wire.open()
        pings = 16_000
        pong_bytes = 127 * pings  # 2 MB: far more than the cap and what the kernel takes
        try:
            for _ in range(16):
                wire.send(frame(PING, bytes(125)) * (pings // 16))
            wire.wait_until_read()
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
            came = len(wire.file.read(pong_bytes))
        except ConnectionError:
            came = 0
        assert came < pong_bytes


# Protocol errors


@pytest.mark.parametrize("reserved", range(1, 8))
def test_reserved_bits_are_a_protocol_error(echo, reserved):
    echo.send(frame(TEXT, b"x", reserved=reserved)).assert_closed(1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes_are_a_protocol_error(echo, opcode):
    echo.send(frame(opcode, b"x")).assert_closed(1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING])
def test_an_unmasked_frame_is_a_protocol_error(echo, opcode):
    echo.send(frame(opcode, b"bare", masked=False)).assert_closed(1002)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_over_125_bytes_is_a_protocol_error(echo, opcode):
    echo.send(frame(opcode, struct.pack(">H", 1000) + bytes(124))).assert_closed(1002)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_fragmented_control_frame_is_a_protocol_error(echo, opcode):
    echo.send(frame(opcode, b"", fin=False)).assert_closed(1002)


@pytest.mark.parametrize("length", [5, 65535, 1 << 63])
def test_a_length_in_the_wrong_form_is_a_protocol_error(echo, length):
    echo.send(frame(BINARY, b"", length=length)).assert_closed(1002)


def test_nothing_is_delivered_after_a_protocol_error(unanswered):
    with Wire(unanswered.interface) as wire:
        wire.send(handshake())
        channel = unanswered.receive()["reply_channel"]
        unanswered.layer.send(channel, {"accept": True})
        assert wire.status() == 101
        wire.send(frame(TEXT, b"bad", reserved=1), frame(TEXT, b"good"))
        wire.assert_closed(1002)
    disconnect = {"reply_channel": None}
    while disconnect["reply_channel"] != channel:
        disconnect = unanswered.receive("websocket.disconnect")
    assert disconnect["order"] == 1
    assert unanswered.next("websocket.receive") is None


# UTF-8

INVALID = [
    b"\x80",
    b"\xff",
    b"\xc0\xaf",  # an overlong slash
    b"\xed\xa0\x80",  # a surrogate
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"truncated \xe2\x82",
]


@pytest.mark.parametrize("payload", INVALID)
def test_text_that_is_no_utf_8_is_refused(echo, payload):
    echo.send(frame(TEXT, payload)).assert_closed(1007)


@pytest.mark.parametrize("payload", INVALID)
def test_text_that_is_no_utf_8_is_refused_in_fragments_too(echo, payload):
    echo.send(frame(TEXT, b"", fin=False))
    for byte in payload:
        echo.send(frame(CONTINUATION, bytes([byte]), fin=False))
    # Where it cannot become valid any more, the end is not waited for.
    if not payload.startswith(b"truncated"):
        echo.assert_closed(1007)
    else:
        echo.send(frame(CONTINUATION)).assert_closed(1007)


def test_a_character_may_be_split_over_fragments(echo):
    text = "κόσμε 🚀".encode()
    echo.send(frame(TEXT, b"", fin=False))
    echo.send(*[frame(CONTINUATION, bytes([byte]), fin=False) for byte in text])
    assert echo.send(frame(CONTINUATION)).frame() == (TEXT, text)


def test_characters_of_two_sockets_may_be_split_at_the_same_time(echo, interface):
    first, second = "κό".encode(), "🚀".encode()
    with Wire(interface) as wire:
        texts = [(echo, first), (wire.open(), second)]
        for socket_, text in texts:
            socket_.send(frame(TEXT, text[:1], fin=False), frame(PING))
            assert socket_.frame() == (PONG, b"")  # the beginning has arrived
        for socket_, text in texts:
            assert socket_.send(frame(CONTINUATION, text[1:])).frame() == (TEXT, text)


def test_binary_need_not_be_utf_8(echo):
    assert echo.send(frame(BINARY, b"\xff\x80")).frame() == (BINARY, b"\xff\x80")


# Closing

VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013]
VALID += [3000, 3999, 4000, 4999]


@pytest.mark.parametrize("code", VALID)
def test_a_valid_close_code_comes_back(echo, code):
    echo.send(close_frame(code, "Grüße".encode()))
    opcode, payload = echo.frame()
    assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (code,))
    assert echo.ends()


def test_a_close_frame_without_code_is_answered(echo):
    opcode, payload = echo.send(frame(CLOSE)).frame()
    assert opcode == CLOSE and payload in (b"", struct.pack(">H", 1000))
    assert echo.ends()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000])
def test_an_invalid_close_code_is_a_protocol_error(echo, code):
    opcode, payload = echo.send(close_frame(code)).frame()
    assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (1002,))
    assert echo.ends()


def test_a_close_frame_with_half_a_code_is_a_protocol_error(echo):
    echo.send(frame(CLOSE, b"\x03")).assert_closed(1002)


def test_a_close_reason_that_is_no_utf_8_is_refused(echo):
    opcode, payload = echo.send(close_frame(1000, b"\xce\xba\xed\xa0\x80")).frame()
    assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (1007,))
    assert echo.ends()


def test_the_longest_close_reason_is_accepted(echo):
    opcode, payload = echo.send(close_frame(1000, b"x" * 123)).frame()
    assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 1000))


def test_what_follows_a_close_frame_is_ignored(echo):
    echo.send(close_frame(1000), frame(PING, b"late"), frame(TEXT, b"late"))
    assert echo.frame()[0] == CLOSE
    assert echo.ends()


def test_a_consumer_closes_with_its_code_after_an_empty_text(wire):
    wire.open("/close/")
    assert wire.frame() == (TEXT, b"")
    wire.assert_closed(4321)


# Caps


def test_a_message_of_the_largest_size_is_taken(strict):
    with Wire(strict) as wire:
        assert wire.open().send(frame(TEXT, b"x" * 1000)).frame() == (TEXT, b"x" * 1000)


@pytest.mark.parametrize(
    "data",
    [
        frame(TEXT, b"x" * 1001),
        frame(BINARY, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 600),
        frame(BINARY, b"", length=1 << 40),
    ],
    ids=["frame", "fragments", "announced only"],
)
def test_a_message_over_the_largest_size_is_refused(strict, data):
    with Wire(strict) as wire:
        wire.open().send(data)
        opcode, payload = wire.frame()
        assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (1009,))


def test_a_flood_of_messages_is_refused(strict):
    with Wire(strict) as wire:
        wire.open().send(frame(TEXT, b"x") * 50)
        opcode = TEXT
        while opcode == TEXT:
            opcode, payload = wire.frame()
        assert (opcode, struct.unpack(">H", payload[:2])) == (CLOSE, (4429,))


def test_a_body_of_the_largest_size_is_taken(strict):
    response = strict.request("POST", "/parts/", b"x" * 100_000)
    assert (response.status, response.body) == (200, b"one,two," + b"x" * 100_000)


def test_a_body_that_is_announced_too_long_is_refused_before_it_comes(strict):
    with Wire(strict) as wire:
        wire.send(b"POST /parts/ HTTP/1.1\r\nHost: test\r\nContent-Length: 100001\r\n\r\n")
        assert wire.status() == 413
        assert wire.ends()


def test_a_chunked_body_that_grows_too_long_is_refused(strict):
    with Wire(strict) as wire:
        wire.send(b"POST /parts/ HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for size in (60_000, 40_001):
            wire.send(f"{size:x}\r\n".encode(), b"x" * size, b"\r\n")
        assert wire.status() == 413
        assert wire.ends()


def test_a_client_that_sends_all_of_a_body_too_long_still_reads_why(strict):
    response = strict.request("POST", "/parts/", b"x" * 4 * MIB)
    assert response.status == 413
