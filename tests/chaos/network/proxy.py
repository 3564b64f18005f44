"""A network with faults: a TCP proxy between the readers and the product.

Each lane has its own port, so that a fault affects only the readers of that lane. The proxy runs in
a thread; its methods may be called from any other thread.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self

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

    def __init__(self, port: int, seed: int) -> None:
        self.target = port
        self.random = random.Random(seed)
        self.lanes: dict[str, Lane] = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.end)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def end(self) -> None:
        for lane in self.lanes.values():
            lane.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def call(self, function: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Await the function in the proxy's thread."""
        asyncio.run_coroutine_threadsafe(function(*arguments), self.loop).result(10)

    def lane(self, name: str) -> Lane:
        lane = self.lanes[name] = Lane(self)
        self.call(lane.listen)
        return lane


class Lane:
    """The connections of some readers, which are forwarded unless a fault is set."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.connections: set[Connection] = set()
        self.throttled = False
        self.mangling: Mangling | None = None  # of messages to the readers
        self.answer = "pass"  # for new connections: pass, refuse, swallow

    async def listen(self) -> None:
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, backlog=1024)
        self.port: int = self.server.sockets[0].getsockname()[1]

    async def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
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

    def cut(self) -> None:
        """Reset all connections and refuse new ones."""
        self.proxy.call(self.set, "refuse", Connection.abort)

    def swallow(self) -> None:
        """A cable is unplugged: data is lost without notice to either side.

        Existing connections stay dead; those opened after mend() work.
        """
        self.proxy.call(self.set, "swallow", Connection.forget)

    def stall(self) -> None:
        """Hold data for the readers until mend(), then deliver it at once."""
        self.proxy.call(self.hold)

    def throttle(self) -> None:
        """Forward data slowly."""
        self.throttled = True

    def mend(self) -> None:
        """End all faults: forward new connections, and deliver the data that was held."""
        self.proxy.call(self.set, "pass", None)

    async def hold(self) -> None:
        self.flowing.clear()

    async def set(self, answer: str, hurt: Callable[[Connection], None] | None) -> None:
        self.answer, self.throttled = answer, False
        if hurt:
            for connection in list(self.connections):
                hurt(connection)
        if answer == "pass":
            self.flowing.set()


class Connection:
    """A client and, unless it was dropped, its connection to the product."""

    def __init__(self, lane: Lane, reader: StreamReader, writer: StreamWriter) -> None:
        self.lane = lane
        self.client = reader, writer
        self.server: tuple[StreamReader, StreamWriter] | None = None
        self.forgotten = False

    async def run(self) -> None:
        if self.lane.answer == "refuse":
            self.abort()
        elif self.lane.answer == "swallow":
            self.forgotten = True
            await self.upwards()
        else:
            self.server = await asyncio.open_connection("127.0.0.1", self.lane.proxy.target)
            down = asyncio.ensure_future(self.downwards(self.server[0]))
            try:
                await self.upwards()
            finally:
                if not self.forgotten:
                    down.cancel()

    async def upwards(self) -> None:
        """Forward data from the client until it closes."""
        while data := await self.client[0].read(CHUNK):
            if self.server and not self.forgotten:
                self.server[1].write(data)
                await self.server[1].drain()

    async def downwards(self, server: StreamReader) -> None:
        """Forward data from the product, frame by frame, then close the client's side."""
        pieces = Pieces()
        try:
            while data := await server.read(CHUNK):
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

    def pass_on(self, piece: bytes, is_text: bool) -> None:
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

    def write(self, piece: bytes) -> None:
        if not self.client[1].is_closing():
            self.client[1].write(piece)

    def forget(self) -> None:
        """Drop the connection without notice to either side, as a restarted router does."""
        self.forgotten = True
        if self.server:
            self.server[1].close()

    def abort(self) -> None:
        """Reset the client's side."""
        peer = self.client[1].get_extra_info("socket")
        if peer is not None and not self.client[1].is_closing():
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self.client[1].transport.abort()
        self.close()

    def close(self) -> None:
        for side in (self.client, self.server):
            if side:
                side[1].close()
