"""Readers of a live blog: they listen, and every frame that reaches them is counted."""

import asyncio
import itertools
import time

from bench import messages
from bench.client.frames import TEXT, client_frame
from bench.client.socket_protocol import MASK, SocketProtocol
from bench.client.sockets import open_sockets

# Ten digits without a leading zero: a consumer that reads the message takes nothing but JSON.
FIRST_SAID = 10**9


class Reader(SocketProtocol):
    """One reader; counts into the crowd that it belongs to."""

    def __init__(self, crowd, request, opened):
        super().__init__(request, crowd.prefix, crowd.frame_size, opened)
        self.crowd = crowd
        self.received = 0

    def on_frames(self, count):
        self.received += count
        self.crowd.receive(count)

    def on_lost(self):
        self.crowd.lost += 1


class Crowd:
    """All readers of one server, told what to expect before each broadcast."""

    def __init__(self, payload_size):
        self.payload_size = payload_size
        self.prefix = messages.frame_prefix(payload_size)
        self.frame_size = len(messages.frame_header(payload_size)) + payload_size
        self.readers = []
        self.lost = 0
        self.received = 0
        self.wanted = 0
        self.last = 0.0
        self.complete = asyncio.Event()
        self.said = itertools.count(FIRST_SAID)

    async def open(self, count, in_flight, target):
        """Add `count` readers; returns what `sockets.open_sockets` does."""
        readers, refusals, seconds = await open_sockets(
            count, in_flight, target, lambda request, opened: Reader(self, request, opened)
        )
        self.readers += readers
        return {"opened": len(readers), "refusals": dict(refusals), "seconds": seconds}

    def expect(self, messages_each, pace=0.0):
        """Forget earlier deliveries; from now on every reader is to get `messages_each`.

        With a `pace` (seconds) the client looks at its sockets only that often, until all has come.
        A frame that finds its socket drained costs the kernel, and so the server, three times as
        much as one that finds another waiting. In a burst, chance would decide whether the client
        keeps up frame by frame or falls behind; a paced client is behind in the same way each time.
        """
        for reader in self.readers:
            reader.received = 0
        self.messages_each = messages_each
        self.wanted = messages_each * len(self.readers)
        self.received = 0
        self.last = time.monotonic()
        self.complete.clear()
        self.pace = pace
        if pace:
            self._take_a_nap()

    def _take_a_nap(self):
        """Block the event loop on purpose; see `expect`."""
        time.sleep(self.pace)
        if self.pace:
            asyncio.get_running_loop().call_soon(self._take_a_nap)

    def receive(self, count):
        self.received += count
        self.last = time.monotonic()
        if self.received >= self.wanted:
            self.complete.set()

    def say(self):
        """Send one message from a reader; return when, in seconds of the monotonic clock.

        They take turns: from one socket the server takes only some 50 messages a second.
        """
        sequence = next(self.said)
        text = messages.payload(sequence, self.payload_size).encode()
        frame = client_frame(TEXT, text, MASK)
        first = time.monotonic()
        self.readers[sequence % len(self.readers)].transport.write(frame)
        return first

    async def wait(self, quiet_seconds):
        """Wait until all has come, or nothing more for `quiet_seconds`; return the account."""
        while not self.complete.is_set():
            silence = time.monotonic() - self.last
            if silence >= quiet_seconds:
                break
            try:
                async with asyncio.timeout(quiet_seconds - silence):
                    await self.complete.wait()
            except TimeoutError:
                continue
        self.pace = 0.0
        each = self.messages_each
        return {
            "wanted": self.wanted,
            "delivered": sum(min(reader.received, each) for reader in self.readers),
            "duplicates": sum(max(0, reader.received - each) for reader in self.readers),
            "lost_sockets": self.lost,
            "last": self.last,
        }

    def close(self):
        """Drop every socket."""
        for reader in self.readers:
            reader.transport.abort()
        self.readers = []
        self.lost = 0
