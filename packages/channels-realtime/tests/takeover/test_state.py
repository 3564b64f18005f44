"""Every kind of connection goes on in the next process exactly where it was."""

import struct
import zlib

import pytest
from harness.clients import handshake, read_until
from harness.project import changed
from harness.waiting import PATIENCE, wait_until
from harness.wire import BINARY, CONTINUATION, PING, PONG, TEXT, Wire, close_frame, frame

from takeover.serving import Serving


def receive(serving, channel):
    """The next message on the channel, waited for."""
    return wait_until(lambda: serving.stack.layer.receive([channel])[1], f"a message on {channel}")


def disconnects(serving, connect):
    """The disconnects of this socket that wait. Those of earlier tests' may still arrive."""
    waiting = iter(lambda: serving.stack.layer.receive(["websocket.disconnect"])[1], None)
    name = connect["reply_channel"]
    return [message for message in waiting if message["reply_channel"] == name]


def reply(serving, message, **content):
    serving.stack.layer.send(message["reply_channel"], content)


def opened(serving, path="/tool/", receive_buffer=None):
    """A WebSocket that is open, and its connect message."""
    wire = Wire(serving.interface, receive_buffer)
    wire.send(handshake(serving.port, path, {}))
    connect = receive(serving, "websocket.connect")
    reply(serving, connect, accept=True)
    assert wire.status() == 101
    return wire, connect


def test_a_socket_goes_on_with_its_order_its_name_and_its_groups(bare):
    wire, connect = opened(bare)
    bare.stack.layer.group_add("readers", connect["reply_channel"])
    wire.send(frame(TEXT, b"one"))
    first = receive(bare, "websocket.receive")
    registered = bare.stack.registered()
    bare.replace()
    wire.send(frame(TEXT, b"two"))
    second = receive(bare, "websocket.receive")
    assert (first["order"], second["order"]) == (1, 2)
    assert {**first, "order": 2, "text": "two"} == second
    reply(bare, second, text="answer")
    assert wire.frame() == (TEXT, b"answer")
    bare.stack.layer.send_group("readers", {"text": "to all"})
    assert wire.frame() == (TEXT, b"to all")
    assert bare.stack.registered() == registered
    wire.send(close_frame(1000))
    [disconnect] = wait_until(lambda: disconnects(bare, connect), "the disconnect")
    assert (disconnect["order"], disconnect["code"]) == (3, 1000)
    wait_until(lambda: not bare.stack.layer.group_channels("readers"), "the group to be empty")
    other, again = opened(bare)
    assert again["reply_channel"] != connect["reply_channel"]
    wire.__exit__()
    other.__exit__()


# What was sent before the takeover, what is sent after it, and the message that comes of both.
HALVES = {
    "half a header": (frame(TEXT, b"x" * 300)[:3], None, b"x" * 300),
    "half a payload": (frame(TEXT, "grün".encode() * 50)[:101], None, "grün".encode() * 50),
    "a first fragment": (
        frame(TEXT, b"one ", fin=False),
        frame(CONTINUATION, b"two"),
        b"one two",
    ),
    "half a second fragment": (
        frame(BINARY, b"one ", fin=False) + (second := frame(CONTINUATION, b"two" * 50))[:77],
        second[77:],
        b"one " + b"two" * 50,
    ),
    "half a character": (
        frame(TEXT, "ü".encode()[:1], fin=False),
        frame(CONTINUATION, "ü".encode()[1:]),
        "ü".encode(),
    ),
}


def test_messages_of_which_a_part_has_arrived_are_completed(bare):
    wires = {}
    whole = {}
    for name, (before, after, message) in HALVES.items():
        wires[name], _ = opened(bare)
        if after is None:
            data = frame(TEXT, message)
            # The mask is drawn by chance: cut the same frame in two.
            before, after = data[: len(before)], data[len(before) :]
        wires[name].send(before)
        whole[name] = (after, message)
    # A ping in the middle of a message, of which a part has arrived itself.
    pinged, _ = opened(bare)
    ping = frame(PING, b"are you there")
    pinged.send(frame(TEXT, b"a", fin=False), ping[:9])
    for wire in (*wires.values(), pinged):
        wire.wait_until_read()
    bare.replace()
    for name, (after, message) in whole.items():
        wires[name].send(after)
        received = receive(bare, "websocket.receive")
        found = received["bytes"] if received.get("bytes") is not None else received["text"]
        assert (found if isinstance(found, bytes) else found.encode()) == message, name
        assert received["order"] == 1
    pinged.send(ping[9:])
    assert pinged.frame() == (PONG, b"are you there")
    pinged.send(frame(CONTINUATION, b"b"))
    assert receive(bare, "websocket.receive")["text"] == "ab"
    for wire in (*wires.values(), pinged):
        wire.__exit__()


def test_a_compressed_message_of_which_a_part_has_arrived_is_completed(bare):
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_no_context_takeover"}
    wire = Wire(bare.interface)
    wire.send(handshake(bare.port, "/tool/", offer))
    connect = receive(bare, "websocket.connect")
    reply(bare, connect, accept=True)
    status, headers, _ = wire.response()
    assert status == 101 and "permessage-deflate" in headers["sec-websocket-extensions"]
    deflater = zlib.compressobj(wbits=-15)
    text = "compressed " * 40
    data = (deflater.compress(text.encode()) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    first = frame(TEXT, data[:10], fin=False, reserved=4)
    second = frame(CONTINUATION, data[10:])
    wire.send(first, second[:9])
    wire.wait_until_read()
    bare.replace()
    wire.send(second[9:])
    assert receive(bare, "websocket.receive")["text"] == text
    wire.__exit__()


def test_what_a_slow_reader_has_not_taken_arrives_once(bare):
    wire, connect = opened(bare, receive_buffer=4096)
    texts = [f"{number}".encode() * 60_000 for number in range(10, 14)]
    for text in texts:
        reply(bare, connect, text=text.decode())
    marker, beside = opened(bare)
    reply(bare, beside, text="all is with the interface server")
    assert marker.frame()[1]
    bare.replace()
    reply(bare, connect, text="the last")
    assert [wire.frame() for _ in range(5)] == [
        *((TEXT, text) for text in texts),
        (TEXT, b"the last"),
    ]
    wire.__exit__()
    marker.__exit__()


def test_a_handshake_that_waits_for_a_worker_is_answered(bare):
    with Wire(bare.interface) as wire:
        wire.send(handshake(bare.port, "/tool/", {}), frame(TEXT, b"early"))
        connect = receive(bare, "websocket.connect")
        bare.replace()
        reply(bare, connect, text="welcome")
        assert wire.status() == 101
        assert wire.frame() == (TEXT, b"welcome")
        assert receive(bare, "websocket.receive")["text"] == "early"


def test_handshakes_in_admission_control_are_admitted_in_their_order(bare):
    wires = [Wire(bare.interface) for _ in range(210)]
    for number, wire in enumerate(wires):
        wire.send(handshake(bare.port, f"/tool/?{number}", {}))
        if number == 199:
            connects = [receive(bare, "websocket.connect") for _ in range(200)]
    for wire in wires:
        wire.wait_until_read()
    bare.replace()
    assert not bare.stack.layer.receive(["websocket.connect"])[1]
    for connect in connects:
        reply(bare, connect, accept=True)
    waited = [receive(bare, "websocket.connect") for _ in range(10)]
    assert [int(m["query_string"]) for m in waited] == list(range(200, 210))
    for connect in waited:
        reply(bare, connect, accept=True)
    assert [wire.status() for wire in wires] == [101] * 210
    for wire in wires:
        wire.__exit__()


def test_a_response_under_way_goes_on(bare):
    with Wire(bare.interface) as wire:
        wire.send(b"GET /page HTTP/1.1\r\nHost: test\r\n\r\nGET /next HTTP/1.1\r\nHost: te")
        request = receive(bare, "http.request")
        reply(bare, request, status=200, headers=[], content=b"one ", more_content=True)
        head = read_until(wire.socket, b"one \r\n")
        assert b"chunked" in head
        bare.replace()
        reply(bare, request, content=b"two", more_content=False)
        assert read_until(wire.socket, b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
        wire.send(b"st\r\n\r\n")  # the request behind it
        request = receive(bare, "http.request")
        assert request["path"] == "/next"
        assert [header for header in request["headers"] if header[0] == b"host"]
        bare.replace()
        reply(bare, request, status=200, headers=[(b"Content-Length", b"3")], content=b"end")
        assert wire.response() == (200, {"content-length": "3"}, b"end")
        # And an idle connection that is kept alive.
        bare.replace()
        wire.send(b"GET /again HTTP/1.1\r\nHost: test\r\n\r\n")
        assert receive(bare, "http.request")["path"] == "/again"


CHUNKED = b"POST %s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECTING = b"POST %s HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n"
# By path: what was sent before the takeover, what is sent after it, and the body of the request.
REQUESTS = {
    "/line": (b"GET /li", b"ne HTTP/1.1\r\nHost: test\r\n\r\n", b""),
    "/header": (b"GET /header HTTP/1.1\r\nHost: te", b"st\r\n\r\n", b""),
    "/length": (
        EXPECTING % b"/length" + b"abc",
        b"defg",
        b"abcdefg",
    ),
    "/chunk": (
        CHUNKED % b"/chunk" + b"2\r\nab\r\n5\r\ncd",
        b"efg\r\n0\r\n\r\n",
        b"abcdefg",
    ),
    "/chunk-length": (
        CHUNKED % b"/chunk-length" + b"2\r\nab\r\n0",
        b"5\r\ncdefg\r\n0\r\n\r\n",
        b"abcdefg",
    ),
    "/chunk-end": (
        CHUNKED % b"/chunk-end" + b"2\r\nab\r",
        b"\n0\r\n\r\n",
        b"ab",
    ),
    "/trailer": (
        CHUNKED % b"/trailer" + b"1\r\na\r\n0\r\nX: ",
        b"1\r\n\r\n",
        b"a",
    ),
}


@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "a used connection"])
def test_requests_of_which_a_part_has_arrived_are_completed(bare, used):
    wires = {}
    for path, (before, _, _) in REQUESTS.items():
        wire = wires[path] = Wire(bare.interface)
        if used:
            wire.send(b"GET /first HTTP/1.1\r\nHost: test\r\n\r\n")
            reply(bare, receive(bare, "http.request"), status=204, headers=[])
            assert wire.status() == 204
        wire.send(before)
        wire.wait_until_read()
    bare.replace()
    for path, (_, after, body) in REQUESTS.items():
        wires[path].send(after)
        request = receive(bare, "http.request")
        assert request["path"] == path
        assert request["body"] == body
        reply(bare, request, status=204, headers=[])
        if b"Expect" in REQUESTS[path][0]:
            assert wires[path].status() == 100
        assert wires[path].status() == 204
        wires[path].__exit__()


def test_a_socket_that_is_being_closed_is_closed_once(bare):
    # The new process may need longer than the seconds that a client has to answer a close frame.
    waits = changed(
        "factory.CLOSE_ANSWER_WITHIN = protocol.CLOSE_WITHIN = websockets.CLOSE_WITHIN ="
        f" {PATIENCE}"
    )
    patient = Serving(bare.stack, **waits)
    wire, connect = opened(patient)
    reply(patient, connect, close=4000)
    opcode, payload = wire.frame()
    assert (opcode, struct.unpack(">H", payload)) == (8, (4000,))
    new = patient.replace_with(patient.start(**waits))
    assert "Took 1 connections" in new.output()
    wire.send(close_frame(4000))
    assert wire.ends()
    [disconnect] = wait_until(lambda: disconnects(patient, connect), "the disconnect")
    assert (disconnect["code"], disconnect["order"]) == (4000, 1)
    assert not disconnects(patient, connect)
    wire.__exit__()
    new.stop()
