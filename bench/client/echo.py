"""Echo: each client sends, waits for the reply, sends again."""

import asyncio
import time

from bench import messages
from bench.client.frames import TEXT, client_frame
from bench.client.socket_protocol import MASK, SocketProtocol
from bench.client.sockets import open_sockets
from bench.stats import percentile


class EchoClient(SocketProtocol):
    """One message under way at any time."""

    def __init__(self, load, request, opened):
        super().__init__(request, load.prefix, load.frame_size, opened)
        self.load = load
        self.sent = 0.0

    def send(self):
        self.sent = time.monotonic()
        self.transport.write(self.load.frame)

    def on_frames(self, count):
        self.load.round_trips.append(time.monotonic() - self.sent)
        if self.load.running:
            self.send()

    def on_lost(self):
        self.load.lost += 1


class EchoLoad:
    """A set of echo clients; `run` may be called again and again."""

    def __init__(self, payload_size):
        text = messages.payload(0, payload_size).encode()
        self.prefix = messages.frame_prefix(payload_size)
        self.frame_size = len(messages.frame_header(payload_size)) + payload_size
        self.frame = client_frame(TEXT, text, MASK)
        self.clients = []
        self.round_trips = []
        self.running = False
        self.lost = 0

    async def open(self, count, target):
        """Open `count` clients; returns what `sockets.open_sockets` does."""
        self.clients, refusals, seconds = await open_sockets(
            count, count, target, lambda request, opened: EchoClient(self, request, opened)
        )
        return {"opened": len(self.clients), "refusals": dict(refusals), "seconds": seconds}

    async def run(self, seconds):
        """Echo for `seconds`; returns the count, the seconds, latencies in seconds."""
        self.round_trips.clear()
        self.running = True
        started = time.monotonic()
        for client in self.clients:
            client.send()
        await asyncio.sleep(seconds)
        count, elapsed = len(self.round_trips), time.monotonic() - started
        self.running = False
        # 0.5 s: the replies still under way arrive, so that the next run starts with none.
        await asyncio.sleep(0.5)
        return {
            "count": count,
            "seconds": elapsed,
            "p50": percentile(self.round_trips, 50) if count else None,
            "p99": percentile(self.round_trips, 99) if count else None,
            "lost_sockets": self.lost,
        }

    def close(self):
        """Drop every socket."""
        for client in self.clients:
            client.transport.abort()
        self.clients = []
