"""The load client of the jitter profile: `python -m bench.crowds.jitter_client`, as `bench.load`.

Each reader is a state machine that speaks the protocol of its system as the system's own client
does, across all its connections: what it has received decides what it requests when it is back.
"""

import asyncio
import gc
import json
import random
import time
from array import array
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import uvloop

from bench import load, messages
from bench.results import percentile

# 0.6 s: how long a gap lasts before a page asks about it (docs/scaling.md).
GAP_SECONDS = 0.6
RETRY_SECONDS = 0.5  # after a refused handshake
DATA = (load.TEXT, 0x2)


class FrameList:
    """Collects the payloads of text and binary frames; at most one incomplete frame is held.

    It has the interface of `bench.load.FrameCounter`, and takes unfragmented frames only, as all
    systems here send them.
    """

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.control: list[tuple[int, bytes]] = []
        self.rest = b""

    def receive_data(self, data: bytes) -> int:
        """Take the frames that `data` completes; return how many of them carry data."""
        data = self.rest + data
        position, end = 0, len(data)
        while position < end:
            start, length = messages.read_header(data, position)
            if length is None or start + length > end:
                break
            opcode, payload = data[position] & 0x0F, data[start : start + length]
            if opcode in DATA:
                self.payloads.append(payload)
            else:
                self.control.append((opcode, payload))
            position = start + length
        self.rest = data[position:]
        return len(self.payloads)


class Connection(load.Socket):
    """One connection of a reader."""

    counter: FrameList  # type: ignore[assignment]  # the same interface, but it keeps payloads

    def __init__(self, reader: "Reader", request: bytes, opened: "asyncio.Future[str | None]"):
        super().__init__(request, 0, opened)
        self.counter = FrameList()
        self.reader = reader
        self.is_cut = False

    def send(self, text: str) -> None:
        self.transport.write(messages.client_frame(load.TEXT, text.encode()))

    def cut(self) -> None:
        """End it as a lost network does: the server gets no closing handshake."""
        self.is_cut = True
        if hasattr(self, "transport"):  # unless the TCP handshake timed out
            self.transport.abort()

    def on_open(self) -> None:
        self.reader.on_open()

    def on_frames(self, count: int) -> None:
        payloads, self.counter.payloads = self.counter.payloads, []
        if not self.is_cut:
            for payload in payloads:
                self.reader.receive(self, payload)

    def on_lost(self) -> None:
        if not self.is_cut:
            self.reader.on_lost()


class Run:
    """What all readers share: the target, the messages that count, the accounts."""

    def __init__(self, target: load.Target, newest: int) -> None:
        self.target = target
        self.newest = newest  # the number of the last message before those that count
        self.messages = 0
        self.received = self.repeated = self.lost = self.reconnects = self.unrecovered = 0
        self.refusals: Counter[str] = Counter()
        self.last = time.monotonic()
        self.ending = False
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Reader:
    """A reader across its connections. Subclasses speak a system's protocol."""

    def __init__(self, run: Run, source: tuple[str, int] | None) -> None:
        self.run = run
        self.source = source
        self.connection: Connection | None = None
        self.connecting = False
        self.begin()

    def begin(self) -> None:
        """Forget what was received; the messages that count begin now."""
        count = self.run.messages
        # When each was received, and when the connection was opened that it came by; 0 is never.
        self.received_at = array("d", bytes(8 * count))
        self.back_at = array("d", bytes(8 * count))
        self.back_since = 0.0

    def path(self) -> str:
        """What the next connection requests."""
        return self.run.target["path"]

    def on_open(self) -> None:
        """The opening handshake has succeeded: the reader is back. No frame has been read yet."""
        self.back_since = time.monotonic()

    def receive(self, connection: Connection, payload: bytes) -> None:
        """A data frame."""
        raise NotImplementedError

    def take(self, number: int) -> None:
        """Note the receipt of a message."""
        index = number - self.run.newest - 1
        if not 0 <= index < self.run.messages:
            return
        if self.received_at[index]:
            self.run.repeated += 1
            return
        self.received_at[index] = self.run.last = time.monotonic()
        self.back_at[index] = self.back_since
        self.run.received += 1

    def on_lost(self) -> None:
        """The server closed the connection: come back at once, as a page does."""
        self.run.lost += 1
        self.connection = None
        self.run.spawn(self.connect())

    async def connect(self) -> bool:
        """Connect, again and again until it works; False if that is already under way."""
        if self.connecting or self.connection:
            return False
        self.connecting = True
        try:
            while reason := await self.attempt():
                self.run.refusals[reason] += 1
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.connecting = False
        return True

    async def attempt(self) -> str | None:
        """One opening handshake; the reason if it fails."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[str | None] = loop.create_future()
        target: load.Target = {**self.run.target, "path": self.path()}
        made = Connection(self, load.handshake(target), opened)
        try:
            await loop.create_connection(
                lambda: made, target["host"], target["port"], local_addr=self.source
            )
            async with asyncio.timeout(load.HANDSHAKE_TIMEOUT):
                reason = await opened
        except TimeoutError:
            made.cut()
            return f"no answer to the handshake in {load.HANDSHAKE_TIMEOUT:.0f} s"
        except OSError as error:
            return error.strerror or str(error)
        if reason is None and made.transport.is_closing():
            return "closed at once"
        if reason is None:
            self.connection = made
        return reason

    async def come_and_go(self, every: float, away: float) -> None:
        """Be cut off for `away` seconds, `every` so many, from a random moment on."""
        moment = time.monotonic() + random.uniform(0, every)
        while True:
            await asyncio.sleep(moment - time.monotonic())
            if self.run.ending:
                return
            if self.connection:
                self.connection.cut()
                self.connection = None
                await asyncio.sleep(away)
                if await self.connect():
                    self.run.reconnects += 1
            moment = max(moment + every, time.monotonic())


class PlainReader(Reader):
    """Gets each message as a frame of its own, and has no way to get what it has missed."""

    def receive(self, connection: Connection, payload: bytes) -> None:
        if (number := number_in(payload)) is not None:
            self.take(number)


class LiveBlogReader(Reader):
    """A page of this live blog: `?after=` its revision, and asks about gaps that last."""

    def __init__(self, run: Run, source: tuple[str, int] | None) -> None:
        self.head = run.newest  # everything up to it has been received
        self.ahead: set[int] = set()  # what has been received beyond it
        self.gap: asyncio.TimerHandle | None = None
        super().__init__(run, source)

    def path(self) -> str:
        return f"{super().path()}?after={self.head}"

    def receive(self, connection: Connection, payload: bytes) -> None:
        frame = live_blog_frame(payload)
        if frame.kind == "replay":
            self.head = max(self.head, frame.revision)
        for revision in frame.updates:
            self.take(revision)
            if revision > self.head:
                self.ahead.add(revision)
        while self.head + 1 in self.ahead:
            self.head += 1
        self.ahead = {revision for revision in self.ahead if revision > self.head}
        if frame.revision > self.head and self.gap is None:
            loop = asyncio.get_running_loop()
            self.gap = loop.call_later(GAP_SECONDS, self.ask_about_gap, frame.revision)

    def ask_about_gap(self, revision: int) -> None:
        """Request what is missing, unless it has come meanwhile."""
        self.gap = None
        if self.connection and self.head < revision:
            self.connection.send(json.dumps({"after": self.head}))


class SocketIoReader(Reader):
    """A client of Socket.IO with connection state recovery (Engine.IO 4 over WebSocket)."""

    def __init__(self, run: Run, source: tuple[str, int] | None) -> None:
        self.session: str | None = None  # the private id by which a session is recovered
        self.offset: str | None = None  # of the last message
        super().__init__(run, source)

    def receive(self, connection: Connection, payload: bytes) -> None:
        if payload.startswith(b"42"):
            number, offset = socket_io_event(payload)
            self.offset = offset or self.offset
            if number is not None:
                self.take(number)
        elif payload == b"2":  # Engine.IO's ping
            connection.send("3")
        elif payload.startswith(b"0"):  # Engine.IO is open: connect to the namespace
            known = {"pid": self.session, "offset": self.offset}
            is_known = self.session and self.offset
            connection.send("40" + (json.dumps(known) if is_known else ""))
        elif payload.startswith(b"40"):
            session = json.loads(payload[2:]).get("pid")
            self.run.unrecovered += self.session not in (None, session)
            self.session = session


READERS: dict[str, type[Reader]] = {
    "plain": PlainReader,
    "live-blog": LiveBlogReader,
    "socket.io": SocketIoReader,
}


class LiveBlogFrame(NamedTuple):
    """What of a frame a reader needs: its kind, the revision it tells, and those of its rows."""

    kind: str
    revision: int
    updates: tuple[int, ...]


# All readers get the same few frames.
@lru_cache(maxsize=256)
def live_blog_frame(payload: bytes) -> LiveBlogFrame:
    frame = json.loads(payload)
    rows = [frame] if frame["type"] == "update" else frame.get("updates", [])
    return LiveBlogFrame(
        frame["type"], frame.get("revision", 0), tuple(row["revision"] for row in rows)
    )


MARK = messages.MARK.encode()
DIGITS = 10  # of a message's number, see messages.payload


def number_in(payload: bytes) -> int | None:
    """The number of the message in a frame; None for any other frame."""
    if not payload.startswith(MARK):
        return None
    return int(payload[len(MARK) : len(MARK) + DIGITS])


@lru_cache(maxsize=256)
def socket_io_event(payload: bytes) -> tuple[int | None, str | None]:
    """The number of the message in an event, and the offset that recovery appends to it."""
    event = json.loads(payload[2:])
    text = event[1] if len(event) > 1 and isinstance(event[1], str) else ""
    offset = event[-1] if len(event) > 2 and isinstance(event[-1], str) else None
    return number_in(text.encode()), offset


class Client:
    """One method a command; arguments and answers are JSON values."""

    run: Run

    def __init__(self) -> None:
        self.readers: list[Reader] = []

    async def open(
        self, protocol: str, count: int, in_flight: int, target: load.Target, newest: int
    ) -> dict[str, Any]:
        """Open `count` readers, `in_flight` at a time; all have everything up to `newest`."""
        self.run = Run(target, newest)
        kind = READERS[protocol]
        self.readers += [kind(self.run, load.source(number)) for number in range(count)]
        waiting = iter(self.readers)
        opened = 0

        async def opener() -> None:
            nonlocal opened
            for reader in waiting:
                for _ in range(load.TRIES):
                    if reason := await reader.attempt():
                        self.run.refusals[reason] += 1
                    else:
                        opened += 1
                        break

        await asyncio.gather(*(opener() for _ in range(in_flight)))
        return {"opened": opened, "refusals": dict(self.run.refusals)}

    async def begin(self, newest: int, messages: int, every: float, away: float) -> dict[str, Any]:
        """From now on the readers come and go; the `messages` after `newest` count."""
        self.run.newest, self.run.messages = newest, messages
        self.run.refusals.clear()
        for reader in self.readers:
            reader.begin()
            self.run.spawn(reader.come_and_go(every, away))
        return {}

    async def finish(self, quiet_seconds: float, patience: float) -> dict[str, Any]:
        """Wait until all has come, or nothing more for `quiet_seconds`; return the account."""
        run = self.run
        run.ending = True
        run.last = started = time.monotonic()
        wanted = run.messages * len(self.readers)
        while run.received < wanted:
            now = time.monotonic()
            if now - run.last > quiet_seconds or now - started > patience:
                break
            await asyncio.sleep(0.1)
        return {
            "reconnects": run.reconnects,
            "unrecovered": run.unrecovered,
            "refused": run.refusals.total(),
            "lost": run.lost,
            "repeated": run.repeated,
        }

    async def evaluate(self, published: list[float]) -> dict[str, Any]:
        """The share that was received, and latencies; `published` are the messages' moments."""
        replays: list[float] = []
        live: list[float] = []
        for reader in self.readers:
            for moment, received, back in zip(
                published, reader.received_at, reader.back_at, strict=True
            ):
                if received:
                    # Published before the reader was back, so it came by replay.
                    (replays if moment < back else live).append(received - moment)
        received = len(replays) + len(live)
        return {
            "received": 100 * received / (len(published) * len(self.readers)),
            "replayed": 100 * len(replays) / max(1, received),
            "replay_p50": percentile(replays, 50) if replays else 0.0,
            "replay_p99": percentile(replays, 99) if replays else 0.0,
            "live_p99": 1e3 * percentile(live, 99) if live else 0.0,
        }


if __name__ == "__main__":
    gc.disable()  # as in bench.load
    uvloop.run(load.serve(Client()))
