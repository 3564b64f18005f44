"""Many readers in one process; each records the revisions it received and its disconnects."""

import asyncio
import json
import threading
import time
from typing import Self

from harness.waiting import PATIENCE, wait_until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.e2e.stack import Frame


class Crowd:
    """`number` readers of one blog, in a separate thread. A context manager.

    `comes_back`: reconnect as the page does, and request the missed changes with `after`.
    """

    def __init__(
        self, address: str, slug: str = "demo", number: int = 300, comes_back: bool = False
    ) -> None:
        self.url = f"ws://{address}/channel/liveblog/{slug}/"
        self.readers = [Reader(self.url, comes_back) for _ in range(number)]

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=asyncio.run, args=(self.read(),), daemon=True)
        self.thread.start()
        self.wait_for_live()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.ending.set)
        self.thread.join(PATIENCE)

    async def read(self) -> None:
        self.loop, self.ending = asyncio.get_running_loop(), asyncio.Event()
        at_once = asyncio.Semaphore(20)
        tasks = [asyncio.create_task(reader.run(at_once)) for reader in self.readers]
        await self.ending.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wait_for_live(self) -> None:
        wait_until(lambda: all(r.live for r in self.readers), "every reader", 2 * PATIENCE)

    def wait_for(self, revision: int) -> None:
        """Wait until every reader has all changes up to this revision."""
        wait_until(lambda: all(r.has(revision) for r in self.readers), f"revision {revision}")

    @property
    def codes(self) -> set[int | None]:
        """The close codes that readers received."""
        return {code for reader in self.readers for code in reader.codes}

    @property
    def longest_away(self) -> float:
        """The longest time of any reader between a close and the next replay, in seconds."""
        return max(reader.longest_away for reader in self.readers)

    @property
    def disconnects(self) -> int:
        return sum(reader.disconnects for reader in self.readers)


class Reader:
    def __init__(self, url: str, comes_back: bool) -> None:
        self.url, self.comes_back = url, comes_back
        self.revisions: set[int] = set()
        self.disconnects = 0
        self.codes: set[int | None] = set()
        self.left: float | None = None  # when its socket was closed
        self.longest_away = 0.0
        self.live = False

    def has(self, revision: int) -> bool:
        return self.live and self.revisions.issuperset(range(1, revision + 1))

    async def run(self, at_once: asyncio.Semaphore) -> None:
        while True:
            try:
                # No client pings: they would close a socket that is waiting.
                async with at_once:
                    socket = await connect(
                        f"{self.url}?after={max(self.revisions, default=0)}",
                        ping_interval=None,
                        open_timeout=PATIENCE,
                        proxy=None,
                        compression=None,
                    )
                async with socket:
                    async for text in socket:
                        self.take(json.loads(text))
                raise ConnectionClosed(None, None)
            except (ConnectionClosed, InvalidHandshake, OSError) as end:
                if self.live:
                    self.left = time.monotonic()
                    self.codes.add(end.rcvd.code if getattr(end, "rcvd", None) else None)
                self.live = False
                self.disconnects += 1
                if not self.comes_back:
                    return
                await asyncio.sleep(0.1)  # s; a page waits for a random time, these reconnect soon

    def take(self, frame: Frame) -> None:
        if frame["type"] == "replay":
            if self.left is not None:
                self.longest_away = max(self.longest_away, time.monotonic() - self.left)
                self.left = None
            self.live = True
            # A row that changed twice is sent once: a replay covers all revisions up to its own.
            self.revisions |= set(range(1, frame["revision"] + 1))
        elif "revision" in frame and frame["type"] != "pulse":
            self.revisions.add(frame["revision"])
