"""The upper bound of an interface server's memory, and how it is divided.

Each part bounds one kind of buffer that clients, stopped workers or a frozen Redis can fill.
"""

import re
from dataclasses import dataclass

DEFAULT = 1 << 30  # bytes; a small server sets less, one with more than 60,000 sockets more
# Bytes of Python objects per connection. An open WebSocket takes 6.4 KiB, an idle HTTP
# connection less.
CONNECTION = 8 << 10
# The largest upload, a third longer where it is encrypted, must fit into `links`, a sixteenth of
# the budget, and leave room there for others.
LARGEST_SHARE = 24
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class Budget:
    """The parts of a memory budget, in bytes unless noted.

    The parts from `connections` to `working` are memory of the interface server and add up to
    `total`. `backlog` and `channel` are memory of Redis, which also stores the `requests`.
    """

    total: int
    connections: int  # number of connections
    requests: int
    large_bodies: int
    writes: int
    messages: int
    headers: int
    handshakes: int
    disconnects: int
    outbox: int
    links: int
    working: int
    backlog: int
    channel: int

    @classmethod
    def of(cls, total: int) -> "Budget":
        """Divide `total` bytes."""
        part = total // 64
        return cls(
            total=total,
            # Nearly half: the process exists to hold sockets.
            connections=28 * part // CONNECTION,
            # Headers and bodies of HTTP requests until a worker answers. A body leaves the process
            # for Redis, so the same number bounds what one process keeps there.
            requests=8 * part,
            # Of these, bodies over bodies.LARGE: uploads leave a quarter to pages and short posts.
            large_bodies=6 * part,
            # What slow clients have not taken yet: WebSocket frames and HTTP responses.
            writes=8 * part,
            # WebSocket messages of which only a part has arrived, and HTTP requests that arrive
            # while the one before them is answered.
            messages=4 * part,
            # Request headers of which only a part has arrived; a client has 10 s for one.
            headers=2 * part,
            # Handshakes that wait until workers have time: 16,000 of 2 KiB, by default. A quarter
            # of it may hold replies that equal handshakes share.
            handshakes=2 * part,
            # Disconnects that workers must still get: 60,000 of some 500 bytes, by default.
            disconnects=2 * part,
            # Messages that wait for Redis to come back, for as long as their senders can wait.
            outbox=2 * part,
            # Commands that Redis has not taken yet, on all links of the process: one upload at a
            # time, and what others send meanwhile.
            links=4 * part,
            # Copies: a body while it is packed and encrypted, a batch of entries while it is read.
            working=4 * part,
            # In Redis: what waits for this process in its list.
            backlog=8 * part,
            # In Redis: what waits for workers in one channel.
            channel=8 * part,
        )

    def smallest_for(self, largest: int) -> int | None:
        """The total that buffers of `largest` bytes need, where this one is too small for them."""
        needed = LARGEST_SHARE * largest
        return needed if self.total < needed else None


def parse_size(text: str) -> int:
    """A number of bytes such as 1073741824, 512M or 2G. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,15})([KMG]?)", text)
    if not found:
        raise ValueError(f"{text} is no number of bytes such as 512M or 2G")
    return int(found[1]) * UNITS[found[2]]
