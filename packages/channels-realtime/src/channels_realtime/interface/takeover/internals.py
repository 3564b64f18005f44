"""Reaches into Twisted and autobahn as channels_realtime.internals does, for what is half-received.

tests/takeover/test_state.py notices when one of these changes.
"""

import socket
import struct
from collections.abc import Sequence
from typing import Any

import autobahn.websocket.protocol
from twisted.internet import tcp, unix
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.web import http

from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.takeover.state import Ending
from channels_realtime.internals import is_compressed

# Of a socket that is being closed, in autobahn's words.
CLOSE_ATTRIBUTES = (
    "closedByMe",
    "failedByMe",
    "droppedByMe",
    "wasClean",
    "wasNotCleanReason",
    "localCloseCode",
    "localCloseReason",
    "remoteCloseCode",
    "remoteCloseReason",
)
NO_MASK = bytes(4)
RSV1 = 0x40  # of a compressed message's first frame, RFC 7692, section 6
CONTROL = 8  # opcodes from here on are control frames
CHUNK_LENGTH, CRLF, BODY, TRAILER = "CHUNK_LENGTH", "CRLF", "BODY", "TRAILER"


def frame_header(first_byte: int, length: int, mask: bytes) -> bytes:
    """The header of a client's frame, RFC 6455, section 5.2."""
    if length < 126:
        return bytes((first_byte, 0x80 | length)) + mask
    if length < 1 << 16:
        return struct.pack("!BBH", first_byte, 0x80 | 126, length) + mask
    return struct.pack("!BBQ", first_byte, 0x80 | 127, length) + mask


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload as a client sends it, RFC 6455, section 5.3. Applied twice it changes nothing."""
    size = len(payload)
    stream = (mask * (size // 4 + 1))[:size]
    xored = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return xored.to_bytes(size, "big")


def unfinished_frames(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> bytes:
    """What an open socket has received of a message that is not complete, as frames of a client.

    A parser that reads them is in the state of this one. A message that is compressed is kept
    compressed until it is complete: see channels_realtime.internals.Postponed.
    """
    frame: Any = protocol.current_frame
    found = b""
    if protocol.inside_message and (frame is None or frame.opcode == 0 or frame.opcode >= CONTROL):
        before = b"".join(protocol.message_data)
        first_byte = (2 if protocol.message_is_binary else 1) | RSV1 * is_compressed(protocol)
        found += frame_header(first_byte, len(before), NO_MASK) + before
    if frame is not None:
        pieces = protocol.control_frame_data if frame.opcode >= CONTROL else protocol.frame_data
        first_byte = frame.fin << 7 | frame.rsv << 4 | frame.opcode
        mask = frame.mask or NO_MASK
        found += frame_header(first_byte, frame.length, mask) + masked(b"".join(pieces), mask)
    return found + protocol.data


def unfinished_request(channel: Any) -> bytes:
    """What an HTTP channel has received of a request that is not complete.

    The header is rebuilt as Twisted has parsed it, the body follows in the client's own encoding.
    An Expect header is left out behind a whole header: it was answered already.
    """
    if not channel.requests:
        return bytes(channel._buffer)
    request = channel.requests[-1]
    lines = [b" ".join((channel._command, channel._path, channel._version))]
    in_body = not channel.line_mode
    for name, values in request.requestHeaders.getAllRawHeaders():
        if not (in_body and name == b"Expect"):
            lines += [name + b":" + value for value in values]
    if not in_body:
        pending = vars(channel).get("_HTTPChannel__header", b"")
        lines += [pending] if pending else []
        return b"\r\n".join(lines) + b"\r\n" + bytes(channel._buffer)
    content: bytes = request.content.getvalue()
    decoder = channel._transferDecoder
    head: bytes = b"\r\n".join(lines) + b"\r\n\r\n"
    if not isinstance(decoder, http._ChunkedTransferDecoder):
        return head + content
    return head + unfinished_chunks(decoder, content)


def unfinished_chunks(decoder: Any, content: bytes) -> bytes:
    """A body in chunks, RFC 9112, section 7.1, of which `content` was decoded."""
    if decoder.state == BODY:  # of this chunk, `length` bytes are still to come
        return b"%x\r\n%s" % (len(content) + decoder.length, content) + bytes(decoder._buffer)
    body = b"%x\r\n%s" % (len(content), content) if content else b""
    if decoder.state == CRLF:
        return body + bytes(decoder._buffer)
    if body:
        body += b"\r\n"
    if decoder.state == TRAILER:
        body += b"0\r\n" + b"".join(bytes(line) + b"\r\n" for line in decoder._trailerHeaders)
    return body + bytes(decoder._buffer)


def resume_request(channel: http.HTTPChannel, request: http.Request, is_persistent: bool) -> None:
    """Put an HTTP channel that is new into the state in which `request` waits for its response."""
    channel.requests = [request]
    channel._handlingRequest = True
    channel.persistent = is_persistent
    channel._savedTimeOut = channel.setTimeout(None)
    channel.setRawMode()


def resume_response(request: http.Request) -> None:
    """Let a response whose header is written go on: one without a body takes no content."""
    request.startedWriting = 1
    if request.method == b"HEAD" or request.code in http.NO_BODY_CODES:
        vars(request)["write"] = lambda data: None


def unsent_data(transport: tcp.Connection) -> bytes:
    """What waits in a plain transport for the kernel to take it."""
    return bytes(transport.dataBuffer[transport.offset :]) + b"".join(transport._tempDataBuffer)


def ending(transport: tcp.Connection) -> Ending:
    """How a plain transport is being closed: see takeover.state.ConnectionState."""
    if transport.disconnecting:
        return "closing"
    if transport._writeDisconnected:
        return "half"
    return "halving" if transport._writeDisconnecting else ""


class NoPort:
    """Twisted's server transports name their port in their representation, and nowhere else."""

    _realPortNumber: int | None = None


def adopt(connection: socket.socket, peer: Sequence[Any], protocol: Protocol) -> Any:
    """A transport for a connection that another process has accepted. It reads from then on."""
    # Twisted declares these by zope interfaces and its own classes, and needs less.
    make_unix: Any = unix.Server
    make_tcp: Any = tcp.Server
    if connection.family == socket.AF_UNIX:
        return make_unix(connection, protocol, peer[0], NoPort(), 0, reactor)
    return make_tcp(connection, protocol, tuple(peer), NoPort(), 0, reactor)


def adopt_port(descriptor: int, family: int, factory: ServerFactory[Any], backlog: int) -> tcp.Port:
    """A port for a copy of this listening socket. It accepts from then on."""
    any_reactor: Any = reactor
    port: tcp.Port = any_reactor.adoptStreamPort(descriptor, family, factory)
    port.socket.listen(backlog)  # Twisted shortens that of a unix socket
    return port


def peer_of(transport: tcp.Server) -> list[Any]:
    """As accept() returned it; adopt() takes it."""
    if isinstance(transport, unix.Server):
        return [transport.hostname]
    return list(transport.client)


def let_go(transport: tcp.Connection | tcp.Port) -> None:
    """Forget a socket that another process has: neither shut it down nor close it for that one."""
    transport.stopReading()
    transport.stopWriting()
    transport.socket.close()
    vars(transport).update(connected=0, disconnected=1)
