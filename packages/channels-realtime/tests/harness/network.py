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
# between its choice and its use. Each process that runs tests has ports of its own: each of xdist's
# workers, and each of several runs at once, for a port may be used long after its choice.
FIRST, END, SHARES = 10_000, 32_000, 32


def claim_share() -> tuple[int, socket.socket]:
    """The number of a share of the ports that no other process has, and what keeps it ours.

    The kernel forgets the claim, an abstract Unix address, with its process. Of more processes than
    shares, the others have the last one together.
    """
    claim = socket.socket(socket.AF_UNIX)
    for share in range(SHARES):
        with suppress(OSError):
            claim.bind(f"\0channels-realtime-tests-ports-{share}")
            break
    return share, claim


SHARE, CLAIM = claim_share()
OURS = range(FIRST + SHARE, END, SHARES)
PORTS = itertools.cycle(random.SystemRandom().sample(OURS, len(OURS)))


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
