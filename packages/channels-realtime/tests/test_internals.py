"""Each reach into Twisted, autobahn and redis-py still finds there what it was written for."""

import socket
import time
from collections.abc import Hashable

import pytest
import redis
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from channels_realtime import internals
from channels_realtime.layer.wire import new_connection, take_socket
from harness.environment import redis_server
from harness.wire import CONTINUATION, TEXT, frame
from twisted.internet import tcp, unix
from twisted.internet.base import ReactorBase
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python import log

LARGE = 4 << 20  # bytes: more than a pair of sockets takes at once


def connected(protocol_class, factory=None):
    """An autobahn protocol just connected."""
    protocol = protocol_class()
    protocol.factory = factory or WebSocketServerFactory()
    protocol.makeConnection(StringTransport())
    return protocol


@pytest.fixture
def pair():
    """A socket for a transport and the one at its other end; neither blocks."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def transport(pair):
    """A Twisted transport that no reactor watches: the test lets it write."""
    transport = tcp.Connection(pair[0], Protocol())
    transport.connected = True
    transport.startWriting = transport.stopWriting = lambda: None
    return transport


def drain(end):
    """How many bytes wait at this end of a connection."""
    size = 0
    while True:
        try:
            size += len(end.recv(1 << 20))
        except BlockingIOError:
            return size


def test_a_socket_begins_with_what_autobahn_would_give_it_as_it_connects():
    class Shared(WebSocketServerProtocol):
        def __init__(self):
            pass

        def connectionMade(self):
            pass

    def value(protocol, name):
        found = getattr(protocol, name)
        return found if isinstance(found, Hashable) else type(found)

    factory = WebSocketServerFactory()
    factory.setProtocolOptions(maxMessagePayloadSize=4321, openHandshakeTimeout=0)
    internals.share_first_state(Shared, factory)
    begun, shared = connected(WebSocketServerProtocol, factory), connected(Shared, factory)
    own = {"utf8validator", "is_open", "is_closed"}
    given = vars(begun).keys() - vars(shared).keys() - own - {"peer"}
    assert {"state", "data", "wasClean", *WebSocketServerProtocol.CONFIG_ATTRS} <= given
    for name in given - {"trafficStats", "_transport_details"}:  # nothing reads these
        assert value(shared, name) == value(begun, name), name
    assert shared.maxMessagePayloadSize == 4321
    assert not [name for name in own if hasattr(shared, name)], "one for all sockets"


def test_a_compressed_message_is_held_as_it_came_until_it_is_complete():
    class Client(WebSocketServerProtocol):
        def onMessageBegin(self, isBinary):
            super().onMessageBegin(isBinary)
            assert internals.is_compressed(self)
            internals.begin_compressed(self, 2)

        def onMessage(self, payload, isBinary):
            received.append(payload)

    received, factory = [], WebSocketServerFactory()
    factory.setProtocolOptions(maxMessagePayloadSize=5, failByDrop=False)
    protocol = Client()
    protocol.factory = factory
    protocol.makeConnection(StringTransport())
    internals.take_compressed(protocol)
    protocol.state, protocol.websocket_version = protocol.STATE_OPEN, 13
    protocol.inside_message, protocol.current_frame = False, None
    protocol.dataReceived(frame(TEXT, b"\xff" * 7, fin=False, reserved=4))
    assert (
        internals.half_received(protocol) - internals.PIECE == 5
    )  # without the 2 that it may exceed
    protocol.dataReceived(frame(CONTINUATION))
    assert received == [b"\xff" * 7]
    internals.fail(protocol, 1007, "corrupt")
    assert protocol.failedByMe and protocol.state == protocol.STATE_CLOSING


def test_first_state_is_shared_with_one_class_only():
    class Shared(WebSocketServerProtocol):
        pass

    before = set(vars(WebSocketServerProtocol))
    internals.share_first_state(Shared, WebSocketServerFactory())
    assert set(vars(WebSocketServerProtocol)) == before


def test_unsent_is_what_the_kernel_has_not_taken_yet(pair, transport):
    assert internals.unsent(transport) == 0
    transport.write(bytes(LARGE // 2))
    transport.write(bytes(LARGE // 2))
    assert internals.unsent(transport) == LARGE
    received, turns = 0, 0
    while internals.unsent(transport):
        transport.doWrite()
        if turns < 5:  # more comes between two turns, as broadcasts do
            transport.write(bytes(100))
            turns += 1
            assert internals.unsent(transport) > 100
        received += drain(pair[1])
        assert received + internals.unsent(transport) == LARGE + 100 * turns
    assert turns == 5


def test_the_raw_socket_of_a_tcp_transport_reaches_the_peer(pair, transport):
    internals.raw_socket(transport).send(b"straight")
    assert pair[1].recv(100) == b"straight"


def test_the_raw_socket_of_a_unix_transport_reaches_the_peer(pair):
    class Port:
        _realPortNumber = None

    transport = unix.Server(pair[0], Protocol(), None, Port(), 1, None)
    internals.raw_socket(transport).send(b"straight")
    assert pair[1].recv(100) == b"straight"


def test_what_wraps_a_transport_has_no_raw_socket(transport):
    """TLS in Twisted is such a wrapper: the socket under it is for ciphertext only."""
    wrapper = ProtocolWrapper(WrappingFactory(None), Protocol())
    wrapper.makeConnection(transport)
    assert internals.raw_socket(wrapper) is None
    assert internals.raw_socket(StringTransport()) is None


def test_the_socket_of_a_redis_connection_speaks_to_redis():
    wire = redis.Redis.from_url(redis_server.url).connection_pool.make_connection()
    wire.connect()
    taken = take_socket(wire)
    taken.sendall(b"PING\r\n")
    assert taken.recv(100) == b"+PONG\r\n"
    wire.disconnect()
    assert taken.fileno() == -1


def test_the_reactor_counts_its_timers_by_a_clock_that_nobody_sets():
    reactor = MemoryReactorClock()
    assert ReactorBase.seconds is time.time, "Twisted needs no other clock any more"
    internals.keep_time_monotonically(reactor)
    assert reactor.seconds is time.monotonic


class Watched:
    """What a reactor watches; `error`: what reading it raises."""

    def __init__(self, end, error=None):
        self.end, self.error = end, error
        self.read, self.lost, self.prefixes = [], [], 0

    def fileno(self):
        return self.end.fileno()

    def logPrefix(self):
        self.prefixes += 1
        return "watched"

    def doRead(self):
        if self.error:
            raise self.error
        self.read.append(self.end.recv(100))
        return None if self.read[-1] else CONNECTION_DONE

    def connectionLost(self, reason):
        self.lost.append(reason.value)


@pytest.fixture
def epoll_reactor():
    reactor = EPollReactor()
    internals.poll_without_log_context(reactor)
    yield reactor
    reactor.removeAll()
    reactor._poller.close()


def test_what_can_be_read_is_read_without_a_context_for_a_log(epoll_reactor, pair):
    ours, theirs = pair
    watched = Watched(ours)
    epoll_reactor.addReader(watched)
    theirs.send(b"pong")
    epoll_reactor.iterate(1)
    assert (watched.read, watched.lost, watched.prefixes) == ([b"pong"], [], 0)
    theirs.close()
    epoll_reactor.iterate(1)
    assert watched.read == [b"pong", b""]
    assert [type(reason) for reason in watched.lost] == [ConnectionDone]
    assert watched not in epoll_reactor.getReaders()


def test_what_cannot_be_read_is_logged_and_no_longer_watched(epoll_reactor, pair):
    ours, theirs = pair
    error = ValueError("cannot be read")
    watched = Watched(ours, error)
    epoll_reactor.addReader(watched)
    theirs.send(b"x")
    logged = []
    log.addObserver(logged.append)
    try:
        epoll_reactor.iterate(1)
    finally:
        log.removeObserver(logged.append)
    assert watched.lost == [error] and watched not in epoll_reactor.getReaders()
    assert [event["failure"].value for event in logged if event.get("isError")] == [error]


def test_connections_are_not_counted_by_the_pool_whose_counter_never_goes_down():
    pool = redis.ConnectionPool.from_url(redis_server.url, max_connections=1)
    for _ in range(3):
        wire = new_connection(pool)
        wire.connect()
        wire.disconnect()
    pool.make_connection()
    with pytest.raises(redis.ConnectionError):
        pool.make_connection()
