"""A network with faults: a TCP proxy between the readers and the product.

Each lane is a port of its own, so that a fault hits the readers of that lane alone. The proxy runs
in a thread; its methods may be called from any other.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.network.wire import Pieces

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
CHUNK = 65_536
# The latency and rate of a slow lane.
LATENCY, RATE = 0.3, 8_000  # s, bytes per second


@dataclass(frozen=True)
class Mangling:
    """Probabilities for a text message; a delayed one arrives up to `late` s later."""

    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    late: float = 0.5


class Proxy:
    """A context manager. `lane(name)` opens a lane to 127.0.0.1:`port`."""

    def __init__(self, port, seed):
        self.target = port
        self.random = random.Random(seed)
        self.lanes = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.call(self.end)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def end(self):
        for lane in self.lanes.values():
            lane.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def call(self, function, *arguments):
        """Await the function in the proxy's thread; returns its result."""
        return asyncio.run_coroutine_threadsafe(function(*arguments), self.loop).result(10)

    def lane(self, name):
        lane = self.lanes[name] = Lane(self)
        self.call(lane.listen)
        return lane


class Lane:
    """The connections of some readers, which are forwarded unless a fault is set."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.connections = set()
        self.throttled = False
        self.mangling = None  # a Mangling of whole messages towards the readers
        self.answer = "pass"  # for new connections: pass, refuse, swallow

    async def listen(self):
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.run()
        except OSError:
            connection.abort()
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio.streams would log it
        finally:
            self.connections.discard(connection)
            connection.close()

    # Faults. Each can be undone by mend().

    def cut(self):
        """Reset all connections and refuse new ones."""
        self.proxy.call(self.set, "refuse", Connection.abort)

    def swallow(self):
        """A cable is unplugged: data is lost without notice to either side.

        The connections of now stay dead for good; new ones after mend() are well.
        """
        self.proxy.call(self.set, "swallow", Connection.forget)

    def stall(self):
        """Hold data for the readers until mend(), then deliver it at once."""
        self.proxy.call(self.hold)

    def throttle(self) -> None:
        """Forward data slowly."""
        self.throttled = True

    def mend(self):
        """End all faults: forward new connections, and deliver the data that was held."""
        self.proxy.call(self.set, "pass", None)

    async def hold(self):
        self.flowing.clear()

    async def set(self, answer: str, hurt: Callable[[Connection], None] | None) -> None:
        self.answer, self.throttled = answer, False
        for connection in list(self.connections) if hurt else ():
            hurt(connection)
        if answer == "pass":
            self.flowing.set()


class Connection:
    """A client and, unless it was dropped, its connection to the product."""

    def __init__(self, lane, reader, writer):
        self.lane = lane
        self.client = reader, writer
        self.server = None
        self.forgotten = False

    async def run(self):
        if self.lane.answer == "refuse":
            self.abort()
        elif self.lane.answer == "swallow":
            self.forgotten = True
            await self.upwards()
        else:
            self.server = await asyncio.open_connection("127.0.0.1", self.lane.proxy.target)
            down = asyncio.ensure_future(self.downwards())
            try:
                await self.upwards()
            finally:
                if not self.forgotten:
                    down.cancel()

    async def upwards(self):
        """Forward data from the client until it closes."""
        while data := await self.client[0].read(CHUNK):
            if not self.forgotten:
                self.server[1].write(data)
                await self.server[1].drain()

    async def downwards(self) -> None:
        """Forward data from the product, frame by frame, then close the client's side."""
        pieces = Pieces()
        try:
            while data := await self.server[0].read(CHUNK):
                await self.lane.flowing.wait()
                if self.forgotten:
                    return
                if self.lane.throttled:
                    await asyncio.sleep(LATENCY + len(data) / RATE)
                for piece, is_text in pieces.feed(data):
                    self.pass_on(piece, is_text)
                await self.client[1].drain()
        except OSError:
            pass
        if not self.forgotten:
            self.client[1].close()

    def pass_on(self, piece, is_text):
        mangling, generator = self.lane.mangling, self.lane.proxy.random
        if mangling is None or not is_text:
            self.write(piece)
            return
        if generator.random() < mangling.drop:
            return
        if generator.random() < mangling.double:
            self.write(piece)
        if generator.random() < mangling.delay:
            self.lane.proxy.loop.call_later(generator.random() * mangling.late, self.write, piece)
        else:
            self.write(piece)

    def write(self, piece):
        if not self.client[1].is_closing():
            self.client[1].write(piece)

    def forget(self):
        """Drop the connection without notice to either side, as a restarted router does."""
        self.forgotten = True
        if self.server:
            self.server[1].close()

    def abort(self):
        """Reset the client's side."""
        peer = self.client[1].get_extra_info("socket")
        if peer is not None and not self.client[1].is_closing():
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self.client[1].transport.abort()
        self.close()

    def close(self):
        for side in (self.client, self.server):
            if side:
                side[1].close()
