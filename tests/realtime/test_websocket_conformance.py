"""RFC 6455 against the real interface server: hand-built bytes in, bytes out.

The consumer is the foreign project's echo, in a worker of its own.
"""

import base64
import hashlib
import os
import socket
import struct

import pytest

from realtime.layer import RedisChannelLayer
from tests.environment import redis_server
from tests.realtime.interface_process import Project
from tests.services import RedisServer, wait_until

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MIB = 1 << 20
KEY = base64.b64encode(b"sixteen bytes ok")
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture(scope="module")
def project():
    with Project(redis_server.url) as project:
        project.worker()
        yield project


@pytest.fixture(scope="module")
def interface(project):
    return project.interface("--message-rate", "0").wait_for_worker()


@pytest.fixture(scope="module")
def strict(project):
    """Caps so small that a test reaches them."""
    caps = {"message-rate": 2, "max-message": 1000, "max-upload": 100_000, "write-buffer": 65536}
    options = [word for name, value in caps.items() for word in (f"--{name}", str(value))]
    return project.interface(*options).wait_for_worker()


class Unanswered:
    """An interface server without workers: the test reads its messages and answers them."""

    def __init__(self, project):
        self.layer = RedisChannelLayer(hosts=[project.url], prefix=project.prefix)
        self.interface = project.interface()
        registered = self.layer.processes_key
        connection = self.layer.connection(0)
        wait_until(lambda: connection.zcard(registered), "the interface server's registration")

    def receive(self, channel="websocket.connect"):
        found, message = wait_until(lambda: self.next(channel), f"a message on {channel}")
        return message

    def next(self, channel="websocket.connect"):
        found = self.layer.receive([channel])
        return found if found[0] else None

    def forget(self):
        """Drop what earlier tests have left."""
        for channel in ("websocket.connect", "websocket.receive", "http.request"):
            while self.next(channel):
                pass


@pytest.fixture(scope="module")
def one_unanswered():
    with Project(redis_server.url) as project:
        yield Unanswered(project)


@pytest.fixture
def unanswered(one_unanswered):
    one_unanswered.forget()
    return one_unanswered


def handshake(path="/echo/", method="GET", version="1.1", without=(), **changed):
    """The bytes of an opening handshake; `changed` headers have _ for -, `without` lacks some."""
    headers = {
        "Host": "test",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{method} {path} HTTP/{version}".encode("latin1")]
    for name, value in headers.items():
        if name not in without:
            value = value if isinstance(value, bytes) else value.encode("latin1")
            lines.append(name.encode("latin1") + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(opcode, payload=b"", fin=True, reserved=0, masked=True, length=None):
    """A client's frame; `length` writes another length than the payload's, as 64 bits."""
    size = len(payload)
    if length is not None:
        code, extended = 127, struct.pack(">Q", length)
    elif size < 126:
        code, extended = size, b""
    elif size < 1 << 16:
        code, extended = 126, struct.pack(">H", size)
    else:
        code, extended = 127, struct.pack(">Q", size)
    head = bytes([fin << 7 | reserved << 4 | opcode, masked << 7 | code]) + extended
    if not masked:
        return head + payload
    mask = os.urandom(4)
    stream = (mask * (size // 4 + 1))[:size]
    xored = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + mask + xored.to_bytes(size, "big")


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


class Wire:
    """A TCP connection to an interface server. A context manager."""

    def __init__(self, interface, **options):
        self.port = interface.port
        self.socket = interface.connect(**options)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, *data):
        self.socket.sendall(b"".join(data))
        return self

    def response(self):
        """(status, headers with lower-case names, body unless it ends with the connection)."""
        status = int(self.file.readline().split(b" ", 2)[1])
        headers = {}
        while line := self.file.readline().rstrip(b"\r\n"):
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
            return status, headers, body
        return status, headers, self.exactly(int(headers.get("content-length", 0)))

    def status(self):
        return self.response()[0]

    def open(self, path="/echo/"):
        self.send(handshake(path))
        assert self.status() == 101
        return self

    def frame(self):
        """(opcode, payload) of the server's next frame: it sends whole and unmasked ones."""
        first, second = self.exactly(2)
        assert first & 0x80 and not first & 0x70 and not second & 0x80
        length = second
        if second == 126:
            [length] = struct.unpack(">H", self.exactly(2))
        elif second == 127:
            [length] = struct.unpack(">Q", self.exactly(8))
        return first & 0x0F, self.exactly(length)

    def exactly(self, size):
        data = self.file.read(size)
        assert len(data) == size, "the server has closed the connection"
        return data

    def assert_closed(self, code):
        """The next frame is a close frame with the code, and the connection ends after ours."""
        opcode, payload = self.frame()
        assert opcode == CLOSE
        assert struct.unpack(">H", payload[:2]) == (code,)
        self.send(close_frame(code))
        assert self.ends()

    def ends(self):
        """Whether the server closes the connection without another byte."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def wait_until_read(self):
        """Wait until the server's kernel holds nothing more of what we sent."""
        ends = f":{self.port:04X} ", f":{self.socket.getsockname()[1]:04X} "

        def taken():
            with open("/proc/net/tcp") as table:
                for line in table:
                    _, local, remote, _, queues, *_ = line.split()
                    if f"{local} ".endswith(ends[0]) and f"{remote} ".endswith(ends[1]):
                        return queues.endswith(":00000000")
            return True

        wait_until(taken, "the server to read")


@pytest.fixture
def wire(interface):
    """A connection that nothing was sent over."""
    with Wire(interface) as wire:
        yield wire


@pytest.fixture
def echo(wire):
    """A WebSocket to the echo."""
    return wire.open()


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
    with RedisServer() as server, Project(server.url) as project:
        alone = Unanswered(project)
        server.stop()
        wait_until(
            lambda: alone.interface.request("GET", "/ready/").status == 503, "a refused request"
        )
        with Wire(alone.interface) as wire:
            assert wire.send(handshake()).status() == 503
        server.start()


# Headers


@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
@pytest.mark.parametrize("byte", [0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x0A, 0x0D], ids=hex)
def test_a_header_value_with_a_line_end_is_refused_and_smuggles_nothing(unanswered, byte, reused):
    evil = b"kind" + bytes([byte]) + b"X-Forwarded-For: 6.6.6.6"
    with Wire(unanswered.interface) as wire:
        if reused:
            wire.send(b"GET /first/ HTTP/1.1\r\nHost: test\r\n\r\n")
            channel = unanswered.receive("http.request")["reply_channel"]
            unanswered.layer.send(channel, {"status": 204, "headers": [], "content": b""})
            assert wire.status() == 204
        wire.send(handshake(X_Innocent=evil))
        assert wire.status() == 400
        assert unanswered.next() is None


@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
def test_the_consumer_gets_the_headers_that_were_sent(unanswered, reused):
    with Wire(unanswered.interface) as wire:
        if reused:
            wire.send(b"GET /first/ HTTP/1.1\r\nHost: test\r\n\r\n")
            channel = unanswered.receive("http.request")["reply_channel"]
            unanswered.layer.send(channel, {"status": 204, "headers": [], "content": b""})
            assert wire.status() == 204
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
