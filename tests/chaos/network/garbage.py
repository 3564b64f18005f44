"""A server that responds to everything with garbage.

    python -m tests.chaos.network.garbage ADDRESS PORT SEED

It prints a line once it listens.
"""

from __future__ import annotations

import asyncio
import random
import sys

# Input that a parser of the Redis, PostgreSQL, SMTP or HTTP protocol may get if another program has
# taken the port, or the network corrupts data.
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html><title>It works!</title>",
    b"+PONG\r\n" * 50,
    b"$2000000000\r\n",  # claims 2 GB
    b"*1000000000\r\n",
    b"-\r\n",
    b"\0" * 512,
    b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",  # PostgreSQL: come in
    b"220 mail\r\n250 yes\r\n999 no\r\n",
    b"x" * 100_000,  # a line that never ends
    b"",
)


async def answer(
    generator: random.Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while await reader.read(65_536):
            chosen = generator.choice((*ANSWERS, generator.randbytes(200)))
            writer.write(chosen)
            await writer.drain()
            if not chosen:
                return
    except OSError:
        pass
    finally:
        writer.close()


async def main(address: str, port: int, seed: int) -> None:
    generator = random.Random(seed)
    server = await asyncio.start_server(
        lambda reader, writer: answer(generator, reader, writer), address, port
    )
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
