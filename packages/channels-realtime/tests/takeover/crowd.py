"""Many sockets in one thread: readers of a group, and askers that wait for each answer."""

import asyncio
import contextlib
import threading
from typing import Self

from harness.waiting import PATIENCE, wait_until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PAUSE = 0.1  # s between two messages of an asker: the takeover is tested, not the worker


class Crowd:
    """A context manager.

    Attributes:
        received: of each reader, the texts in their order.
        answered: of each asker, how many of its messages came back in their order.
        closed: how many sockets the server has closed.
    """

    def __init__(self, url: str, readers: int, askers: int):
        self.url = url
        self.received: list[list[str]] = [[] for _ in range(readers)]
        self.answered = [0] * askers
        self.closed = 0
        self.connections: list[ClientConnection] = []

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=asyncio.run, args=[self.run()], daemon=True)
        self.thread.start()
        number = len(self.received) + len(self.answered)
        wait_until(lambda: len(self.connections) == number, f"{number} open sockets")
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.ending.set)
        self.thread.join(PATIENCE)

    async def run(self) -> None:
        self.loop, self.ending = asyncio.get_running_loop(), asyncio.Event()
        self.gate = asyncio.Semaphore(20)
        readers = [self.read(texts) for texts in self.received]
        askers = [self.ask(number) for number in range(len(self.answered))]
        tasks = [asyncio.create_task(each) for each in (*readers, *askers)]
        await self.ending.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self.connections:
            connection.transport.abort()

    async def connect(self, path: str) -> ClientConnection:
        async with self.gate:
            options = {"ping_interval": None, "open_timeout": PATIENCE, "proxy": None}
            connection = await connect(self.url + path, compression=None, **options)
        self.connections.append(connection)
        return connection

    async def read(self, texts: list[str]) -> None:
        connection = await self.connect("/group/crowd/")
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                texts.append(text)
        self.closed += 1

    async def ask(self, number: int) -> None:
        connection = await self.connect("/ordered/")
        with contextlib.suppress(ConnectionClosed):
            while True:
                question = str(self.answered[number])
                await connection.send(question)
                assert await connection.recv() == question
                self.answered[number] += 1
                await asyncio.sleep(PAUSE)
        self.closed += 1
