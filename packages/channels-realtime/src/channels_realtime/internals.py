"""The only place that reaches into Twisted and autobahn behind their public names.

layer/wire.py does so for redis-py, and interface/takeover/internals.py for what is half-received.
One exception: the writes on hot paths (interface/connections.py, interface/websocket/protocol.py,
interface/redis/link.py) inline what `unsent` reads: a call takes 10 % of the CPU time per delivery.

packages/channels-realtime/tests/test_internals.py notices when one of these changes.
"""

import ctypes
import math
import socket
import time
from contextlib import suppress
from typing import Any

import autobahn.websocket.protocol
from twisted.internet import abstract, interfaces, tcp
from twisted.internet.base import ReactorBase
from twisted.protocols.policies import ProtocolWrapper
from twisted.python import log
from twisted.web import http

M_MMAP_THRESHOLD = -3  # mallopt(3)
MAPPED = 512 << 10  # bytes; above what is read from Redis at once, which must stay cheap
PIECE = 64  # bytes that a short bytes object and its place in a list take beside its content
MOST_PIECES = 1000  # of an unfinished message; joined above that
LOOK = socket.MSG_PEEK | socket.MSG_DONTWAIT  # made once: joining two flags takes longer than recv


def return_freed_memory() -> None:
    """Have glibc return large buffers to the system as soon as they are freed.

    By default the size from which it does so grows with each buffer that is freed, up to 32 MiB:
    after a burst of uploads the process would keep what they took.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED)


def trim_memory() -> None:
    """Have glibc return all it can, also what lies between buffers that are still used."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def share_first_state(
    protocol_class: type[autobahn.websocket.protocol.WebSocketServerProtocol],
    factory: autobahn.websocket.protocol.WebSocketServerFactory,
) -> None:
    """Put into the class what autobahn gives every socket as it connects, so that it need not.

    These are some 20 options of the factory and 40 attributes that have the same values for all:
    5 KiB per socket, and a twentieth of the CPU time of a handshake. autobahn sets anew on the
    socket what changes later, except for what the class must take care of: the UTF-8 validator and
    the futures are left out here, and the queue of unsent data is for autobahn's own sendData().
    """
    template = protocol_class.__new__(protocol_class)
    autobahn.websocket.protocol.WebSocketServerProtocol.__init__(template)
    vars(template)["factory"] = factory  # autobahn does not declare it
    template._connectionMade()
    for name in vars(template).keys() - {"factory", "utf8validator", "is_open", "is_closed"}:
        value = getattr(template, name)
        # A function in a class would become a method.
        setattr(protocol_class, name, staticmethod(value) if callable(value) else value)


def unsent(transport: interfaces.ITransport) -> int:
    """Bytes that wait in a Twisted transport for the kernel to take them."""
    while isinstance(transport, ProtocolWrapper):  # TLS: ciphertext waits in the transport below
        transport = transport.transport
    unsent: int = transport._tempDataLen + len(transport.dataBuffer) - transport.offset
    return unsent


def buffered(transport: interfaces.ITransport) -> int:
    """Bytes of memory that a Twisted transport holds for a peer that does not read.

    More than `unsent` where the kernel has taken the beginning of a chunk; 0 for one that is gone.
    """
    while isinstance(transport, ProtocolWrapper):  # TLS: ciphertext waits in the transport below
        transport = transport.transport
    if not isinstance(transport, abstract.FileDescriptor) or transport.disconnected:
        return 0
    held: int = transport._tempDataLen + len(transport.dataBuffer)
    return held


def cut(transport: interfaces.ITransport) -> None:
    """End a connection and free what it had to send now, not in the reactor's next turn.

    One broadcast may find thousands of slow clients within one turn.
    """
    transport.abortConnection()
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if isinstance(transport, abstract.FileDescriptor):
        transport._tempDataBuffer, transport._tempDataLen = [], 0
        transport.dataBuffer, transport.offset = b"", 0


def half_received(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> int:
    """Bytes of memory that an autobahn protocol holds of a message that is not complete.

    Also what a client has sent before its handshake is answered.
    """
    size = len(protocol.data)
    if protocol.inside_message and not protocol.failedByMe:
        pieces = len(protocol.message_data)
        size += protocol.message_data_total_length
        frame = protocol.current_frame
        if frame is not None and frame.opcode < 8:
            # The length of a frame counts from its header on: take off what is still to come.
            size -= frame.length - protocol.current_frame_masker.pointer()
            pieces += len(protocol.frame_data)
        size += PIECE * pieces
    return size


def join_pieces(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> None:
    """Join the pieces of an unfinished message where they are many.

    A client may send a message two bytes at a time: autobahn keeps each as an object.
    """
    if protocol.message_data and len(protocol.message_data) > MOST_PIECES:
        protocol.message_data = [b"".join(protocol.message_data)]
    if protocol.frame_data and len(protocol.frame_data) > MOST_PIECES:
        protocol.frame_data = [b"".join(protocol.frame_data)]


def drop_half_received(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> None:
    """Forget an unfinished message. Its rest is read and discarded until the socket ends."""
    protocol.failedByMe = True  # autobahn's own state after a message over the limit
    if protocol.inside_message:
        protocol.message_data = []
        if protocol.frame_data is not None:
            protocol.frame_data = []
    if protocol.state == protocol.STATE_CLOSED:  # a handshake that was refused
        protocol.data = b""


class Postponed:
    """Takes the place of autobahn's decompressor: leaves a message compressed until it is complete.

    autobahn's own keeps some 40 KiB per socket, and inflates what arrives before the rest is there.
    """

    EXTENSION_NAME = "permessage-deflate"

    def start_decompress_message(self) -> None:
        pass

    def decompress_message_data(self, data: bytes, max_output_len: int | None = None) -> bytes:
        return data

    def end_decompress_message(self) -> None:
        pass


POSTPONED = Postponed()


def take_compressed(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> None:
    """Have autobahn accept messages with RSV1 set, and leave them compressed."""
    # autobahn declares no base class of what has these methods.
    vars(protocol)["_perMessageCompress"] = POSTPONED


def is_compressed(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> bool:
    """Whether the message that is being received was sent compressed."""
    compressed: bool = vars(protocol)["_isMessageCompressed"]  # mypy finds no type for it
    return compressed


def begin_compressed(
    protocol: autobahn.websocket.protocol.WebSocketProtocol, allowance: int
) -> None:
    """A compressed message begins: it is no text yet, and may be longer than allowed by so much."""
    protocol.utf8validateIncomingCurrentMessage = False
    protocol.message_data_total_length = -allowance


def fail(protocol: autobahn.websocket.protocol.WebSocketProtocol, code: int, reason: str) -> None:
    """Close the connection as autobahn does where a client breaks the protocol."""
    protocol._fail_connection(code, reason)


def free(protocol: autobahn.websocket.protocol.WebSocketProtocol) -> None:
    """Let go of what an autobahn protocol holds, after its connection has ended.

    Its futures refer to it, and it to them, so that only the garbage collector would free it, which
    runs rarely in a server; up to a whole incomplete message would stay in memory until then.
    """
    protocol.data = b""
    # As autobahn itself sets them between two messages; its annotations do not allow for it.
    nothing = ("message_data", "frame_data", "control_frame_data", "current_frame")
    vars(protocol).update(dict.fromkeys(nothing))
    protocol.is_open = protocol.is_closed = None


def header_size(channel: http.HTTPChannel) -> int:
    """Bytes of the header of the request that is being received."""
    return channel._receivedHeaderSize


def unparsed(channel: http.HTTPChannel) -> int:
    """Bytes that an HTTP channel holds beside the body of the request that it is receiving.

    Half a header, a body's trailers, and requests that arrive while another is answered.
    """
    trailers = getattr(channel._transferDecoder, "_receivedTrailerHeadersSize", 0)
    size = channel._receivedHeaderSize + len(channel._buffer) + trailers
    return size + sum(map(len, channel._dataBuffer))


def raw_socket(transport: interfaces.ITransport) -> socket.socket | None:
    """The socket under a plain TCP or unix transport, or None under anything else (TLS)."""
    return transport.socket if isinstance(transport, tcp.Connection) else None


def limit_unacknowledged(port: object, seconds: float) -> None:
    """Have the kernel end connections that Twisted's port accepts once something that was sent to
    them has been unacknowledged, or has waited for a reader, for so long (RFC 5482).

    A connection inherits the option from the port, so that it costs none of them a system call.
    Does nothing for a port that is no TCP port, and where the system has no such option.
    """
    if isinstance(port, tcp.Port) and port.addressFamily != socket.AF_UNIX and seconds > 0:
        with suppress(AttributeError, OSError):
            port.socket.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, math.ceil(seconds * 1000)
            )


def has_hung_up(transport: interfaces.ITransport) -> bool:
    """Whether the peer of a plain transport has closed, all it sent being read; else False."""
    raw = raw_socket(transport)
    if raw is None:
        return False
    try:
        return raw.recv(1, LOOK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def keep_time_monotonically(reactor: ReactorBase) -> None:
    """Twisted's reactor counts its timers by the wall clock, a step of which stops or fires all of
    them: heartbeats would end for as long as the clock was set back."""
    reactor.seconds = time.monotonic


def poll_without_log_context(reactor: ReactorBase) -> None:
    """Have Twisted's epoll reactor call what is ready to be read directly.

    Twisted puts a prefix for its log around every event, which nothing here uses: half of the CPU
    time that a pong takes outside the kernel. Events other than input go Twisted's way.
    Does nothing for another reactor.
    """
    try:
        from twisted.internet.epollreactor import EPollReactor
    except ImportError:  # not Linux
        return
    if not isinstance(reactor, EPollReactor):
        return
    twisted: Any = reactor  # which declares none of these
    poll, handles = twisted._poller.poll, twisted._selectables
    disconnect, handle = twisted._disconnectSelectable, twisted._doReadOrWrite
    readable = twisted._POLL_IN
    call_with_logger: Any = log.callWithLogger
    log_error: Any = log.err

    def do_poll(timeout: float | None) -> None:
        for descriptor, event in poll(-1 if timeout is None else timeout, len(handles)):
            selectable = handles.get(descriptor)
            if selectable is None:
                continue  # closed by an event before it
            if event != readable:
                call_with_logger(selectable, handle, selectable, descriptor, event)
                continue
            try:
                why = selectable.doRead()
            except BaseException as error:
                log_error()
                why = error
            if why:
                disconnect(selectable, why, True)

    vars(reactor)["doIteration"] = do_poll
