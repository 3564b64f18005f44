"""The load client, a process of its own on uvloop: `python -m bench.load`.

One JSON command a line on standard input, one JSON answer on standard output. Frames are counted
by comparing bytes: a WebSocket library takes about 10 µs a frame, more than the fastest server.
"""

import asyncio
import base64
import gc
import hashlib
import itertools
import json
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

import httptools
import uvloop

from bench import messages
from bench.messages import client_frame, read_header
from bench.results import percentile

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA  # RFC 6455, section 5.2
# One key for all connections. It protects against caching proxies, which loopback does not have,
# and a random key per connection would cost the client more than the rest of the handshake.
KEY = base64.b64encode(b"liveblog-bench-1")
ACCEPT = base64.b64encode(hashlib.sha1(KEY + messages.WEBSOCKET_GUID).digest())
# Linux assigns about 28,000 ports per address; the loopback network has many addresses.
SOCKETS_PER_ADDRESS = 5000
# 20 s: a server that is only slow still answers; one that lost the handshake never will.
HANDSHAKE_TIMEOUT = 20.0
TRIES = 3
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER
# Ten digits without a leading zero: a consumer that reads the message takes nothing but JSON.
FIRST_SAID = 10**9
DRAIN = 0.5  # s: replies that are under way when a measurement ends


class Target(TypedDict):
    """Where the client goes."""

    host: str
    port: int
    path: str


class FrameCounter:
    """Counts the frames of a server's byte stream, whatever pieces it comes in.

    A frame counts as expected when it starts with `prefix` (its header included) and is `size`
    bytes long in all, or has any size and a payload that starts with `mark`; any other data frame
    counts in `others`. Control frames wait in `control` as (opcode, payload) until the caller takes
    them. At most one incomplete frame is held.
    """

    __slots__ = ("prefix", "size", "mark", "expected", "others", "control", "rest")

    def __init__(self, payload_size: int, mark: bytes | None = None) -> None:
        self.mark = mark
        self.prefix = messages.frame_prefix(payload_size)
        self.size = len(messages.frame_header(payload_size)) + payload_size
        self.expected = 0
        self.others = 0
        self.control: list[tuple[int, bytes]] = []
        self.rest = b""

    def receive_data(self, data: bytes) -> int:
        """Count the frames that `data` completes; return how many of them were expected."""
        if self.rest:
            data = self.rest + data
        position, end = 0, len(data)
        prefix, size, count = self.prefix, self.size, 0
        while position < end:
            if data.startswith(prefix, position):
                if end - position < size:
                    break
                position += size
                count += 1
            else:
                start, length = read_header(data, position)
                if length is None or start + length > end:
                    break
                opcode = data[position] & 0x0F
                if opcode & 0x8:
                    self.control.append((opcode, data[start : start + length]))
                elif self.mark and data.startswith(self.mark, start):
                    count += 1
                else:
                    self.others += 1
                position = start + length
        self.rest = data[position:]
        self.expected += count
        return count


def handshake(target: Target) -> bytes:
    """The bytes of an opening handshake (RFC 6455, section 4.1); its Origin is the server's own."""
    place = f"{target['host']}:{target['port']}"
    return (
        f"GET {target['path']} HTTP/1.1\r\nHost: {place}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY.decode()}\r\n"
        f"Sec-WebSocket-Version: 13\r\nOrigin: http://{place}\r\n\r\n"
    ).encode()


def refusal(head: bytes) -> str | None:
    """Why the head of a response opens no WebSocket; None where it does."""
    status = head.partition(b"\r\n")[0].decode("latin-1")
    if not status.startswith("HTTP/1.1 101"):
        return f"handshake answered with {status}"
    if b"\r\nsec-websocket-accept: " + ACCEPT.lower() not in head.lower():
        return "101, but a wrong Sec-WebSocket-Accept"
    return None


class Socket(asyncio.Protocol):
    """A WebSocket: its handshake, its pongs, its frames counted.

    `opened` gets None, or the reason of a refusal.
    """

    transport: asyncio.Transport
    pings = 0  # answered

    def __init__(
        self,
        request: bytes,
        payload_size: int,
        opened: "asyncio.Future[str | None]",
        mark: bytes | None = None,
    ):
        self.request = request
        self.counter = FrameCounter(payload_size, mark)
        self.opened = opened
        self.head: bytes | None = b""  # until the handshake is over

    # uvloop's transport has the methods of asyncio.Transport without being one.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        # A reset instead of FIN: thousands of sockets would else hold their ports in TIME_WAIT.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.head is not None:
            head, end, data = (self.head + data).partition(b"\r\n\r\n")
            if not end:
                self.head = head
                return
            if reason := refusal(head):
                self.fail(reason)
                return
            self.head = None
            if not self.opened.done():
                self.opened.set_result(None)
            self.on_open()
        if count := self.counter.receive_data(data):
            self.on_frames(count)
        for opcode, payload in self.counter.control:
            if opcode == PING:
                self.pings += 1
                self.transport.write(client_frame(PONG, payload))
            elif opcode == CLOSE:
                self.transport.abort()
        self.counter.control.clear()

    def fail(self, reason: str) -> None:
        if not self.opened.done():
            self.opened.set_result(reason)
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self.head is not None:
            self.fail("connection closed during the handshake")
        else:
            self.on_lost()

    def on_open(self) -> None:
        """The handshake has succeeded."""

    def on_frames(self, count: int) -> None:
        """So many more expected frames have arrived."""

    def on_lost(self) -> None:
        """The open socket went away."""


class Opened(NamedTuple):
    """The result of opening many sockets."""

    sockets: list[Any]
    refusals: Counter[str]  # by reason
    seconds: float

    def answer(self) -> dict[str, Any]:
        return {
            "opened": len(self.sockets),
            "refusals": dict(self.refusals),
            "seconds": self.seconds,
        }


def source(number: int, network: int = 0) -> tuple[str, int] | None:
    """The local address of socket `number`, whose port the kernel chooses; None for the usual one.

    Clients that run at the same time take a `network` (0 to 255) each, so that they share no ports.
    """
    address = number // SOCKETS_PER_ADDRESS
    return (f"127.0.{network}.{1 + address}", 0) if address or network else None


async def open_sockets(
    count: int,
    in_flight: int,
    target: Target,
    make: "Callable[[bytes, asyncio.Future[str | None]], Socket]",
    network: int = 0,
) -> Opened:
    """Open `count` sockets, `in_flight` at a time; a refused one is tried again, twice."""
    loop = asyncio.get_running_loop()
    request = handshake(target)
    sockets: list[Socket] = []
    refusals: Counter[str] = Counter()
    numbers = iter(range(count))

    async def open_one(address: tuple[str, int] | None) -> bool:
        opened: asyncio.Future[str | None] = loop.create_future()
        made = make(request, opened)
        try:
            await loop.create_connection(
                lambda: made, target["host"], target["port"], local_addr=address
            )
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                reason = await opened
        except TimeoutError:
            made.transport.abort()
            reason = f"no answer to the handshake in {HANDSHAKE_TIMEOUT:.0f} s"
        except OSError as error:
            reason = error.strerror or str(error)
        if reason is not None:
            refusals[reason] += 1
            return False
        sockets.append(made)
        return True

    async def opener() -> None:
        for number in numbers:
            for _ in range(TRIES):
                if await open_one(source(number, network)):
                    break

    started = time.monotonic()
    await asyncio.gather(*(opener() for _ in range(min(in_flight, count))))
    return Opened(sockets, refusals, time.monotonic() - started)


class Reader(Socket):
    """A reader of a live blog: it listens, and counts into its crowd."""

    def __init__(self, crowd: "Crowd", request: bytes, opened: "asyncio.Future[str | None]"):
        super().__init__(request, crowd.payload_size, opened, crowd.mark)
        self.crowd = crowd
        self.received = 0

    def on_frames(self, count: int) -> None:
        self.received += count
        self.crowd.receive(count)

    def on_lost(self) -> None:
        self.crowd.lost += 1


class Crowd:
    """All readers of one server, told what to expect before each broadcast."""

    def __init__(self, payload_size: int, mark: bytes | None = None) -> None:
        self.payload_size = payload_size
        self.mark = mark
        self.readers: list[Reader] = []
        self.lost = self.received = self.wanted = self.messages_each = 0
        self.last = self.pace = 0.0
        self.complete = asyncio.Event()
        self.said = itertools.count(FIRST_SAID)

    async def open(
        self, count: int, in_flight: int, target: Target, network: int = 0
    ) -> dict[str, Any]:
        """Add `count` readers."""
        opened = await open_sockets(
            count, in_flight, target, lambda *each: Reader(self, *each), network
        )
        self.readers += opened.sockets
        return opened.answer()

    def expect(self, messages_each: int, pace: float) -> None:
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
            self.nap()

    def nap(self) -> None:
        """Block the event loop on purpose; see `expect`."""
        time.sleep(self.pace)
        if self.pace:
            asyncio.get_running_loop().call_soon(self.nap)

    def receive(self, count: int) -> None:
        self.received += count
        self.last = time.monotonic()
        if self.received >= self.wanted:
            self.complete.set()

    def say(self) -> float:
        """Send one message from a reader; return when, in seconds of the monotonic clock.

        Readers take turns, because the server accepts only 50 messages per second from one socket.
        """
        sequence = next(self.said)
        frame = client_frame(TEXT, messages.payload(sequence, self.payload_size).encode())
        first = time.monotonic()
        self.readers[sequence % len(self.readers)].transport.write(frame)
        return first

    async def wait(self, quiet_seconds: float) -> dict[str, Any]:
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

    def census(self) -> dict[str, int]:
        """How many sockets were lost, and how many data frames and pings have come in all."""
        frames = sum(each.counter.expected + each.counter.others for each in self.readers)
        pings = sum(each.pings for each in self.readers)
        return {"lost": self.lost, "frames": frames, "pings": pings}

    def close(self) -> None:
        """Drop every socket."""
        for reader in self.readers:
            reader.transport.abort()


class Echo(Socket):
    """A client that sends, waits for the reply, and sends again."""

    sent = 0.0

    def __init__(self, load: "EchoLoad", request: bytes, opened: "asyncio.Future[str | None]"):
        super().__init__(request, load.payload_size, opened)
        self.load = load

    def send(self) -> None:
        self.sent = time.monotonic()
        self.transport.write(self.load.frame)

    def on_frames(self, count: int) -> None:
        self.load.latencies.append(time.monotonic() - self.sent)
        if self.load.running:
            self.send()

    def on_lost(self) -> None:
        self.load.lost += 1


class EchoLoad:
    """A set of echo clients; `run` may be called again and again."""

    def __init__(self, payload_size: int) -> None:
        self.payload_size = payload_size
        self.frame = client_frame(TEXT, messages.payload(0, payload_size).encode())
        self.clients: list[Echo] = []
        self.latencies: list[float] = []
        self.running = False
        self.lost = 0

    async def open(self, count: int, target: Target) -> dict[str, Any]:
        opened = await open_sockets(count, count, target, lambda *each: Echo(self, *each))
        self.clients = opened.sockets
        return opened.answer()

    async def run(self, seconds: float) -> dict[str, Any]:
        """Echo for `seconds`."""
        self.latencies.clear()
        self.running = True
        started = time.monotonic()
        for client in self.clients:
            client.send()
        await asyncio.sleep(seconds)
        answer = {"ok": len(self.latencies), "seconds": time.monotonic() - started}
        self.running = False
        await asyncio.sleep(DRAIN)
        return answer | latencies(self.latencies) | {"lost_sockets": self.lost}


class HttpClient(asyncio.Protocol):
    """A keep-alive connection that asks, waits for the response, and asks again."""

    transport: asyncio.Transport
    sent = 0.0

    def __init__(self, load: "HttpLoad") -> None:
        self.load = load
        self.parser = httptools.HttpResponseParser(self)

    # uvloop's transport has the methods of asyncio.Transport without being one.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent = time.monotonic()
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        load = self.load
        load.latencies.append(time.monotonic() - self.sent)
        load.statuses[self.parser.get_status_code()] += 1
        if not load.running:
            self.transport.close()
        elif self.parser.should_keep_alive():
            self.send()
        else:
            self.transport.close()
            load.connect_again()


class HttpLoad:
    """Asks one path of one server over a fixed number of connections."""

    def __init__(self, target: Target, headers: dict[str, str]) -> None:
        self.address = target["host"], target["port"]
        fields = {"Host": f"{target['host']}:{target['port']}"} | headers
        lines = [f"GET {target['path']} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.running = False
        self.connecting: set[asyncio.Task[asyncio.Transport]] = set()

    def connect_again(self) -> None:
        """Replace a connection that the server asked to close."""
        task = asyncio.get_running_loop().create_task(self.connect())
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)

    async def connect(self) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: HttpClient(self), *self.address)
        return transport

    async def run(self, connections: int, seconds: float) -> dict[str, Any]:
        """Ask for `seconds`; returns the count of 200s, and of `others` by status."""
        self.running = True
        started = time.monotonic()
        transports = [await self.connect() for _ in range(connections)]
        await asyncio.sleep(seconds)
        elapsed, statuses = time.monotonic() - started, dict(self.statuses)
        self.running = False
        await asyncio.sleep(DRAIN)
        for transport in transports:
            transport.abort()
        answer = {"ok": statuses.pop(200, 0), "others": statuses, "seconds": elapsed}
        return answer | latencies(self.latencies)


def latencies(seconds: list[float]) -> dict[str, float | None]:
    """Their median and 99th percentile in seconds, if there are any."""
    return {f"p{n}": percentile(seconds, n) if seconds else None for n in (50, 99)}


class Client:
    """One method a command; arguments and answers are JSON values."""

    crowd: Crowd | None = None
    echo: EchoLoad

    async def open_readers(
        self,
        count: int,
        in_flight: int,
        payload_size: int,
        target: Target,
        mark: str = "",
        network: int = 0,
    ) -> dict[str, Any]:
        if self.crowd is None:
            self.crowd = Crowd(payload_size, mark.encode())
        return await self.crowd.open(count, in_flight, target, network)

    async def census(self) -> dict[str, Any]:
        return self.crowd.census() if self.crowd else Crowd(0).census()

    async def expect(self, messages_each: int, pace: float) -> dict[str, Any]:
        assert self.crowd
        self.crowd.expect(messages_each, pace)
        return {}

    async def say(self) -> dict[str, Any]:
        assert self.crowd
        return {"first": self.crowd.say()}

    async def wait(self, quiet_seconds: float) -> dict[str, Any]:
        assert self.crowd
        return await self.crowd.wait(quiet_seconds)

    async def close_readers(self) -> dict[str, Any]:
        if self.crowd:
            self.crowd.close()
            self.crowd = None
        return {}

    async def open_echo(self, count: int, payload_size: int, target: Target) -> dict[str, Any]:
        self.echo = EchoLoad(payload_size)
        return await self.echo.open(count, target)

    async def run_echo(self, seconds: float) -> dict[str, Any]:
        return await self.echo.run(seconds)

    async def close_echo(self) -> dict[str, Any]:
        for client in self.echo.clients:
            client.transport.abort()
        return {}

    async def run_http(
        self,
        connections: int,
        seconds: float,
        target: Target,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        return await HttpLoad(target, headers or {}).run(connections, seconds)


async def serve(client: object) -> None:
    """Carry out the commands on standard input, each by the client's method of that name."""
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        answer = await getattr(client, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    # A garbage collection during a broadcast would traverse thousands of sockets.
    gc.disable()
    uvloop.run(serve(Client()))
