"""Passive WebSocket clients: they request nothing and record frames and closes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


@dataclass
class Watcher:
    """`port` is the client's own port; `closed` the close code and reason."""

    number: int
    connection: ClientConnection
    port: int
    revision: int = 0  # the newest one received
    closed: str | None = None


class Watchers:
    """A context manager. `address` is that of the blog's socket."""

    def __init__(self, address: str, count: int) -> None:
        self.address, self.count = address, count
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.open: list[Watcher] = []
        self.number = 0

    def __enter__(self) -> Watchers:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def end(self) -> None:
        await asyncio.gather(*(each.connection.close() for each in self.open))

    def refill(self) -> None:
        """Replace closed sockets, so that `count` are open."""
        self.open = [watcher for watcher in self.open if watcher.closed is None]
        missing = self.count - len(self.open)
        asyncio.run_coroutine_threadsafe(self.fill(missing), self.loop).result(60)

    async def fill(self, missing: int) -> None:
        self.open += await asyncio.gather(*(self.join() for _ in range(missing)))

    async def join(self) -> Watcher:
        # No client pings: the server has to detect dead sockets.
        connection = await connect(
            self.address, ping_interval=None, open_timeout=30, close_timeout=1, proxy=None
        )
        self.number += 1
        watcher = Watcher(self.number, connection, connection.local_address[1])
        watching = asyncio.ensure_future(self.watch(watcher))
        watching.add_done_callback(lambda done: done.exception())
        return watcher

    async def watch(self, watcher: Watcher) -> None:
        try:
            async for text in watcher.connection:
                frame = json.loads(text)
                if revision := frame.get("revision"):
                    watcher.revision = max(watcher.revision, revision)
        except ConnectionClosed:
            pass
        received = watcher.connection.protocol.close_rcvd
        watcher.closed = f"{received.code} {received.reason}".strip() if received else "1006"

    def behind(self, revision: int) -> list[str]:
        """A sentence for each open socket that has not received this revision."""
        return [
            f"socket {watcher.number} received revision {watcher.revision}, not {revision}"
            for watcher in self.open
            if watcher.closed is None and watcher.revision < revision
        ]

    def closed(self) -> list[Watcher]:
        return [watcher for watcher in self.open if watcher.closed is not None]


def ports_of(pids: Iterable[int]) -> set[int]:
    """The client ports of these processes' TCP connections."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            found.add(int(fields[2].split(":")[1], 16))
    return found
