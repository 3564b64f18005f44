"""The load client's process: one JSON command a line on stdin, one JSON answer on stdout."""

import asyncio
import gc
import json
import sys

import uvloop

from bench.client.echo import EchoLoad
from bench.client.http_load import HttpLoad
from bench.client.readers import Crowd


class Client:
    """One method a command; arguments and answers are JSON values."""

    def __init__(self):
        self.crowd = None
        self.echo = None

    async def open_readers(self, count, in_flight, payload_size, target):
        if self.crowd is None:
            self.crowd = Crowd(payload_size)
        return await self.crowd.open(count, in_flight, target)

    async def expect(self, messages_each, pace):
        self.crowd.expect(messages_each, pace)
        return {}

    async def say(self):
        return {"first": self.crowd.say()}

    async def wait(self, quiet_seconds):
        return await self.crowd.wait(quiet_seconds)

    async def close_readers(self):
        if self.crowd:
            self.crowd.close()
            self.crowd = None
        return {}

    async def open_echo(self, count, payload_size, target):
        self.echo = EchoLoad(payload_size)
        return await self.echo.open(count, target)

    async def run_echo(self, seconds):
        return await self.echo.run(seconds)

    async def close_echo(self):
        self.echo.close()
        return {}

    async def run_http(self, connections, seconds, target, headers=None):
        return await HttpLoad(target, headers or {}).run(connections, seconds)


async def main():
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    client = Client()
    while line := await commands.readline():
        command = json.loads(line)
        answer = await getattr(client, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)


# The collector would walk thousands of sockets in the middle of a broadcast.
gc.disable()
uvloop.run(main())
