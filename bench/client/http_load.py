"""Plain HTTP: each connection asks, waits for the response, asks again."""

import asyncio
import time

from bench.client.http_response import ResponseReader
from bench.stats import percentile


class HttpClient(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, load):
        self.load = load
        self.reader = ResponseReader()
        self.sent = 0.0
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.send()

    def send(self):
        self.sent = time.monotonic()
        self.transport.write(self.load.request)

    def data_received(self, data):
        status = self.reader.receive_data(data)
        if status is None:
            return
        load = self.load
        load.latencies.append(time.monotonic() - self.sent)
        load.statuses[status] = load.statuses.get(status, 0) + 1
        if not load.running:
            self.transport.close()
        elif self.reader.keep_alive:
            self.send()
        else:
            self.transport.close()
            load.connect_again()


class HttpLoad:
    """Asks one path of one server over a fixed number of connections."""

    def __init__(self, target, headers):
        host, port = target["host"], target["port"]
        self.address = host, port
        fields = {"Host": f"{host}:{port}"} | headers
        lines = [f"GET {target['path']} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.latencies = []
        self.statuses = {}
        self.running = False
        self.connecting = set()

    def connect_again(self):
        """Replace a connection that the server asked to close."""
        task = asyncio.get_running_loop().create_task(self.connect())
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)

    async def connect(self):
        loop = asyncio.get_running_loop()
        return await loop.create_connection(lambda: HttpClient(self), *self.address)

    async def run(self, connections, seconds):
        """Ask for `seconds`; returns counts by status, the seconds, latencies in seconds."""
        self.running = True
        started = time.monotonic()
        clients = [await self.connect() for _ in range(connections)]
        await asyncio.sleep(seconds)
        elapsed, statuses = time.monotonic() - started, dict(self.statuses)
        self.running = False
        # 0.5 s: responses still under way arrive before the connections are dropped.
        await asyncio.sleep(0.5)
        for transport, _ in clients:
            transport.abort()
        return {
            "ok": statuses.pop(200, 0),
            "others": statuses,
            "seconds": elapsed,
            "p50": percentile(self.latencies, 50) if self.latencies else None,
            "p99": percentile(self.latencies, 99) if self.latencies else None,
        }
