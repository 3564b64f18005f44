"""The only place that reaches into Twisted, autobahn and redis-py behind their public names.

One exception: the two writes that are hot (`spread` in factory.py, `sendData` in websocket.py) and
the link spell out what `unsent` reads, because a call costs a tenth of a delivery.

tests/realtime/test_internals.py notices when one of these changes.
"""

import socket
import time

import autobahn.websocket.protocol
from twisted.internet import tcp


def quiet_autobahn():
    """autobahn pretty-prints its whole configuration for a debug line at every connection, whether
    the line is logged or not: a third of a handshake's CPU. The log formats it when it is shown.
    """
    autobahn.websocket.protocol.pformat = lambda attributes: attributes


def share_options(protocol_class, factory):
    """autobahn copies some 20 options from the factory to every socket, unless its class has them:
    2 KiB a socket, and the time to look whether it has."""
    for name in protocol_class.CONFIG_ATTRS:
        value = getattr(factory, name)
        # A function in a class would become a method.
        setattr(protocol_class, name, staticmethod(value) if callable(value) else value)
    protocol_class.CONFIG_ATTRS = ()


def connect_protocol(protocol):
    """Begin an autobahn protocol on its transport, without the description of it that autobahn
    makes first for those who ask."""
    protocol._connectionMade()


def unsent(transport) -> int:
    """Bytes that wait in a Twisted TCP transport for the kernel to take them."""
    return transport._tempDataLen + len(transport.dataBuffer) - transport.offset


def raw_socket(transport):
    """The socket under a plain TCP or unix transport, or None under anything else (TLS)."""
    return transport.socket if isinstance(transport, tcp.Connection) else None


def has_hung_up(transport):
    """Whether the peer of a plain transport has closed, all it sent being read; else False."""
    raw = raw_socket(transport)
    if raw is None:
        return False
    try:
        return raw.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def keep_time_monotonically(reactor):
    """Twisted's reactor counts its timers by the wall clock, a step of which stops or fires them
    all: heartbeats would end for as long as the clock was set back."""
    reactor.seconds = time.monotonic


def new_connection(pool):
    """A redis-py connection as the pool would make it, which the pool does not count.

    The pool's own counter goes up with each connection that it makes and never down.
    """
    return pool.connection_class(**pool.connection_kwargs)


def take_socket(wire):
    """The connected socket of a redis-py connection, which keeps it alive."""
    return wire._sock
