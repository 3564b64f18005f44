"""Ports and requests of 127.0.0.1."""

import http.client
import itertools
import os
import random
import socket
from contextlib import suppress
from pathlib import Path

from harness.waiting import PATIENCE

# Below the ports that the kernel gives to outgoing connections, one of which could take a port
# between its choice and its use. Each of xdist's workers has ports of its own, for one may be used
# long after its choice; each of several runs at once begins somewhere else.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
PORTS = itertools.cycle(random.SystemRandom().sample(range(10_000 + WORKER, 32_000, 4), 5_500))


class Response(http.client.HTTPResponse):
    """A response with its body read."""

    body: bytes


def free_port() -> int:
    """A TCP port that nothing listens on."""
    for port in PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("PORTS is endless")


def can_connect(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a TCP connection is accepted."""
    with suppress(OSError):
        socket.create_connection((address, port), timeout=PATIENCE).close()
        return True
    return False


def http_request(
    port: int,
    method: str,
    path: str,
    body: bytes | str | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = PATIENCE,
) -> Response:
    """One HTTP request on a connection of its own."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    client.response_class = Response
    try:
        client.request(method, path, body, headers or {})
        response = client.getresponse()
        assert isinstance(response, Response)
        response.body = response.read()
        return response
    finally:
        client.close()


def listening_ports(pid: int) -> list[int]:
    """The TCP ports that a process listens on, as the kernel sees it."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(descriptor))
    ports = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports
