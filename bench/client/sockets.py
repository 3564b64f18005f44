"""Opens many sockets at once and keeps them."""

import asyncio
import time
from collections import Counter

from bench.client import handshake

# Linux hands out some 28,000 ports an address; the loopback network has many addresses.
SOCKETS_PER_ADDRESS = 5000
# 20 s: a server that is only slow still answers; one that lost the handshake never will.
HANDSHAKE_TIMEOUT = 20.0


async def open_sockets(count, in_flight, target, make_protocol):
    """Open `count` sockets, `in_flight` at a time; a refused one is tried again, twice.

    `target` has host, port, path. Returns (protocols, Counter of refusals by reason, seconds).
    """
    loop = asyncio.get_running_loop()
    host, port = target["host"], target["port"]
    request = handshake.request(host, port, target["path"])
    protocols, refusals = [], Counter()
    numbers = iter(range(count))

    async def open_one(source):
        opened = loop.create_future()
        try:
            _, protocol = await loop.create_connection(
                lambda: make_protocol(request, opened), host, port, local_addr=source
            )
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                reason = await opened
        except TimeoutError:
            protocol.transport.abort()
            reason = f"no answer to the handshake in {HANDSHAKE_TIMEOUT:.0f} s"
        except OSError as error:
            reason = error.strerror or str(error)
        if reason is not None:
            refusals[reason] += 1
            return None
        return protocol

    async def opener():
        for number in numbers:
            address = number // SOCKETS_PER_ADDRESS
            source = (f"127.0.0.{1 + address}", 0) if address else None
            for _ in range(3):
                if protocol := await open_one(source):
                    protocols.append(protocol)
                    break

    started = time.monotonic()
    await asyncio.gather(*(opener() for _ in range(min(in_flight, count))))
    return protocols, refusals, time.monotonic() - started
