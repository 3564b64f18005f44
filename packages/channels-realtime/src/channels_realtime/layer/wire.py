"""The only place that reaches into redis-py behind its public names.

packages/channels-realtime/tests/test_internals.py notices when one of these changes.
"""

import socket
from collections.abc import Sequence
from typing import Any, Protocol

import redis
from redis._parsers import BaseParser, _HiredisParser, _RESP2Parser

# hiredis makes room for as many elements as an array claims to have, and freeing 1,000,000,000 of
# them keeps the whole process busy for seconds. redis-py's own parser takes them one by one, so it
# is the one for what may not be Redis.
PATIENT_PARSER = _RESP2Parser


class Wire(Protocol):
    """A redis-py connection, whose own methods are not all typed.

    Its methods raise redis.RedisError and OSError; read_response() also raises error replies.
    """

    _sock: socket.socket  # while it is connected
    _parser: Any  # one of redis._parsers

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def send_command(self, *command: str) -> None: ...

    def send_packed_command(self, command: Sequence[bytes], check_health: bool) -> None: ...

    def read_response(self, *, disconnect_on_error: bool = True) -> Any: ...

    def set_parser(self, parser_class: type[BaseParser]) -> None: ...


def new_connection(pool: redis.ConnectionPool) -> Wire:
    """A redis-py connection as the pool would make it, which the pool does not count.

    The pool's own counter goes up with each connection that it makes and never down.
    """
    wire: Wire = pool.connection_class(**pool.connection_kwargs)
    return wire


def parse_with_hiredis(wire: Wire) -> None:
    """Change the parser of a connection that PATIENT_PARSER opened.

    Raises redis.InvalidResponse if more has arrived than was asked for.
    """
    if wire._parser._buffer.unread_bytes():
        raise redis.InvalidResponse("more replies than commands")
    wire.set_parser(_HiredisParser)
    wire._parser.on_connect(wire)


def take_socket(wire: Wire) -> socket.socket:
    """The socket of a connected redis-py connection, which keeps it alive."""
    return wire._sock
