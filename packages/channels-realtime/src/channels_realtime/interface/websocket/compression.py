"""permessage-deflate (RFC 7692): no socket has a zlib object of its own.

A broadcast is compressed at most twice per process: by itself, and by reference to the broadcasts
before it, for those sockets of the group that have received all of them (see History). Replies to
a single socket are sent as they are: compressing each would cost more than the rest of its
delivery. Messages of clients come without context takeover.
"""

import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.websocket.framing import encode_frame

# On a live blog's frames of 1,200 bytes, zlib's defaults (a window of 32 KiB, memory level 8) take
# 80 µs, most of it to clear their tables, and a window of 4 KiB 17 µs for the same 56 %. It also
# serves clients that can hold no larger one. Levels above 4 save 0.4 points at 5,000 bytes, for a
# fifth more time.
WINDOW_BITS = 12  # 4 KiB
REACH = (1 << WINDOW_BITS) - 262  # bytes that zlib refers back: the window without its lookahead
MEMORY_LEVEL = 5
LEVEL = 4
# Bytes of payload: shorter ones would save less than a packet's own headers (40 bytes), and each
# client would have to inflate them.
SMALLEST = 200

MOST_HISTORIES = 1000  # of groups: 4 MiB
RSV1 = 0x40  # in the first byte of a frame: its message is compressed
# What the sender has removed from the end of the data, and behind it an empty final block. So data
# that ends within a block is noticed: its stream does not end here.
END = b"\x00\x00\xff\xff\x01\x00\x00\xff\xff"
# A sender may end the stream with each of its blocks (section 7.2.1). Going on behind one copies
# the rest of the message; compressors that do so at all do it once per message.
MOST_STREAMS = 16

NAME = b"permessage-deflate"
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
QUOTED = re.compile(rb'"(?:\\?[!#$%&\'*+\-.^_`|~0-9A-Za-z])+"')
BITS = re.compile(rb"[89]|1[0-5]")
ACCEPTED = b"permessage-deflate; client_no_context_takeover"
ALONE = b"; server_no_context_takeover"  # each message is compressed by itself
SMALL = b"; server_max_window_bits=%d" % WINDOW_BITS
MALFORMED = "The sec-websocket-extensions header is malformed."


class TooLong(Exception):
    """A message would be longer than allowed."""


class Corrupt(Exception):
    """A message that is not what a compressor makes."""


class Parameter(NamedTuple):
    """A parameter of an offer; `value` is unquoted, and None where there is none."""

    name: bytes
    value: bytes | None


class Offer(NamedTuple):
    """An extension with parameters, as a client offers it."""

    name: bytes
    parameters: Sequence[Parameter]


@lru_cache(maxsize=64)  # browsers have three spellings between them
def negotiate(header: bytes) -> bytes:
    """The value of the response's Sec-WebSocket-Extensions header, empty where there is none.

    Of several offers the first that can be accepted is, as clients list what they prefer first.

    Args:
        header: the value of the request's header; several headers are joined with commas.

    Raises:
        Refused: the header does not conform to RFC 6455, section 9.1.
    """
    offers = list(read_offers(header))
    return next((answer for offer in offers if (answer := answer_to(offer))), b"")


def read_offers(header: bytes) -> Iterator[Offer]:
    """The offers of a header. Raises Refused.

    A quoted value may hold nothing but a token, so a comma or semicolon always separates.
    """
    for element in header.split(b","):
        if not element.strip(b" \t"):
            continue  # RFC 7230, section 7: a recipient must accept empty elements
        name, *parameters = (part.strip(b" \t") for part in element.split(b";"))
        if not TOKEN.fullmatch(name):
            raise Refused(400, MALFORMED)
        yield Offer(name, [read_parameter(parameter) for parameter in parameters])


def read_parameter(text: bytes) -> Parameter:
    """A parameter of an offer. Raises Refused."""
    name, equals, value = (part.strip(b" \t") for part in text.partition(b"="))
    if QUOTED.fullmatch(value):
        value = value[1:-1].replace(b"\\", b"")
    elif equals and not TOKEN.fullmatch(value):
        raise Refused(400, MALFORMED)
    if not TOKEN.fullmatch(name):
        raise Refused(400, MALFORMED)
    return Parameter(name, value if equals else None)


def answer_to(offer: Offer) -> bytes:
    """What accepts the offer, empty where it is declined (RFC 7692, section 7).

    * server_no_context_takeover: accepted.
    * client_no_context_takeover: accepted, and required anyway.
    * server_max_window_bits: accepted from WINDOW_BITS up. A smaller window would need a third
      variant of each broadcast, for clients that do not seem to exist.
    * client_max_window_bits: no response needs it. A client may use any window, as what inflates a
      message is freed with it.
    """
    values = dict(offer.parameters)
    if offer.name != NAME or len(values) != len(offer.parameters):
        return b""
    answer = ACCEPTED
    for name, value in offer.parameters:
        if name in (b"server_no_context_takeover", b"client_no_context_takeover"):
            if value is not None:
                return b""
            answer += ALONE if name == b"server_no_context_takeover" else b""
        elif name == b"server_max_window_bits":
            if value is None or not BITS.fullmatch(value) or int(value) < WINDOW_BITS:
                return b""
            answer += SMALL
        elif name == b"client_max_window_bits":
            if value is not None and not BITS.fullmatch(value):
                return b""
        else:
            return b""
    return answer


def payload_of(frame: bytes) -> bytes:
    """The payload of a frame as encode_frame() makes it."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def is_long(payload: bytes) -> bool:
    """Whether a broadcast goes compressed to those who take it so.

    Its size alone decides, so that the windows of all clients stay the same.
    """
    return len(payload) >= SMALLEST


def compress_frame(frame: bytes, window: bytes = b"") -> bytes:
    """A frame as encode_frame() makes it, compressed unless it is short.

    Args:
        window: the end of what the receivers have inflated before, where they keep it.
    """
    payload = payload_of(frame)
    if not is_long(payload):
        return frame
    strategy = zlib.Z_DEFAULT_STRATEGY
    compressor = zlib.compressobj(
        LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, strategy, window
    )
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return encode_frame(frame[0] | RSV1, data[:-4])


class Receiver(Protocol):
    """A socket that takes compressed broadcasts.

    Attributes:
        extension: what negotiate() has answered.
        history: which it received from last, and nothing else compressed since the broadcast with
            the number `since`; None where it may have missed one.
    """

    extension: bytes
    history: "History | None"
    since: int


class History:
    """The last broadcasts of a group that were sent compressed, as far as zlib refers back.

    A client keeps what it inflates as its window (RFC 7692, section 7.2.3.2), and messages that are
    not compressed are no part of it. So the windows of all sockets that have received the same
    broadcasts end alike, and one frame can refer to them.

    Attributes:
        first: number of the oldest broadcast that is referred to; -1 while there is none.
    """

    __slots__ = ("first", "payloads", "size")

    def __init__(self) -> None:
        self.first = -1
        self.payloads: deque[bytes] = deque()
        self.size = 0

    def continue_with(self, frames: Sequence[bytes]) -> bytes:
        """The frames for those who have received every broadcast since `first`."""
        window = b"".join(self.payloads)[-REACH:]
        parts = []
        for frame in frames:
            parts.append(compress_frame(frame, window))
            if is_long(payload := payload_of(frame)):
                window = (window + payload)[-REACH:]
        return b"".join(parts)

    def append(self, frames: Sequence[bytes], newcomers: Iterable[Receiver]) -> None:
        """The frames have been sent. `newcomers`: open sockets that they did not continue for."""
        number = max(self.first, 0) + len(self.payloads)
        for socket in newcomers:
            if socket.history is not self and ALONE not in socket.extension:
                socket.history, socket.since = self, number
        payloads = [payload for frame in frames if is_long(payload := payload_of(frame))]
        if not payloads:
            return
        self.first = max(self.first, 0)
        for payload in payloads:
            self.payloads.append(payload[-REACH:])
            self.size += len(self.payloads[-1])
        # More would reach back further than zlib does, and keep newcomers waiting.
        while self.size > REACH and len(self.payloads) > 1:
            self.size -= len(self.payloads.popleft())
            self.first += 1


class Histories:
    """The histories of the groups that were sent to most recently, at most `MOST_HISTORIES`."""

    def __init__(self) -> None:
        self.by_group: dict[str, History] = {}

    def of(self, group: str) -> History:
        history = self.by_group.pop(group, None) or History()
        if len(self.by_group) >= MOST_HISTORIES:
            self.by_group.pop(next(iter(self.by_group))).payloads.clear()  # sockets refer to it
        self.by_group[group] = history
        return history


def inflate(payload: bytes, limit: int) -> bytes:
    """The message of a compressed payload, at most `limit` bytes long.

    Raises:
        TooLong: it has more bytes than that, which are not inflated.
        Corrupt: it is not what RFC 7692, section 7.2.1, makes.
    """
    if not payload:
        return b""  # what zlib makes of no data at a second flush
    parts, room, data = [], limit, payload + END
    for _ in range(MOST_STREAMS):
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            parts.append(inflater.decompress(data, room + 1))
        except zlib.error as error:
            raise Corrupt(str(error)) from error
        room -= len(parts[-1])
        if room < 0:
            raise TooLong
        if not inflater.eof:
            raise Corrupt("the data end within a block")
        data = inflater.unused_data
        if not data:
            return b"".join(parts)
    raise Corrupt("the data hold too many streams")


def longest_compressed(limit: int) -> int:
    """Bytes that a message of `limit` bytes may take where it cannot be compressed.

    zlib's compressBound() adds some 0.04 %, other compressors with short stored blocks more.
    """
    return limit + limit // 256 + 64
