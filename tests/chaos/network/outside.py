"""External servers: a mail server and a webhook host, which accept everything.

    python -m tests.chaos.network.outside ADDRESS SMTP_PORT HOOK_PORT

A JSON line on standard output says what came: {"mail": subject}, {"hook": revision}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from email import message_from_bytes, policy


def report(**value: object) -> None:
    print(json.dumps(value), flush=True)


async def take_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As much of RFC 5321 as smtplib needs."""
    writer.write(b"220 chaos\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            body = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
            report(mail=message_from_bytes(body, policy=policy.default)["subject"])
        writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
        if verb == b"QUIT":
            break
    writer.close()


async def take_hook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    [length] = [line.split(":")[1] for line in lines if line.startswith("content-length:")]
    frame = json.loads(await reader.readexactly(int(length)))
    report(hook=frame["data"]["revision"])
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


async def main(address: str, smtp_port: int, hook_port: int) -> None:
    async with (
        await asyncio.start_server(quietly(take_mail), address, smtp_port),
        await asyncio.start_server(quietly(take_hook), address, hook_port),
    ):
        report(ready=True)
        await asyncio.Event().wait()


Taking = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


def quietly(take: Taking) -> Taking:
    """Prints no traceback if the client disconnects early."""

    async def taking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await take(reader, writer)
        except (OSError, EOFError):
            writer.close()

    return taking


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
