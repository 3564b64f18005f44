"""Separate hosts: network namespaces, each with its own address, on one bridge.

Only root can create namespaces. For other users, a host is another loopback address.
"""

import os
import shutil
import signal
import subprocess
from typing import NamedTuple, Self

import pytest
from harness.process import send

from tests.e2e.stack import Stack

NETWORK = "10.77.91"
BRIDGE = "liveblog-br"


class Place(NamedTuple):
    """The namespace of a host, if it has one, and its address."""

    namespace: str | None
    address: str


class Network:
    """The bridge and the namespaces. A context manager; `service` is where servers listen."""

    def __init__(self) -> None:
        self.is_real = os.getuid() == 0
        self.hosts = 0
        self.service = f"{NETWORK}.1" if self.is_real else "127.0.0.1"

    def __enter__(self) -> Self:
        if self.is_real:
            if not shutil.which("ip"):
                pytest.fail("There is no ip command; install it: apt-get install iproute2")
            self.clean()
            self.ip("link", "add", BRIDGE, "type", "bridge")
            self.ip("addr", "add", f"{self.service}/24", "dev", BRIDGE)
            self.ip("link", "set", BRIDGE, "up")
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_real:
            self.clean()

    def clean(self) -> None:
        """Remove what this run, or an earlier one that was killed, has left."""
        for number in range(2, 6):
            # The link first: the kernel would remove it with its namespace, but only later.
            self.remove("link", f"lbv{number}")
            self.remove("netns", f"liveblog-{number}")
        self.remove("link", BRIDGE)

    @staticmethod
    def remove(kind: str, name: str) -> None:
        subprocess.run(["ip", kind, "del", name], stderr=subprocess.DEVNULL)

    def host(self) -> Place:
        self.hosts += 1
        number = self.hosts + 1
        if not self.is_real:
            return Place(None, f"127.0.0.{number}")
        name, address = f"liveblog-{number}", f"{NETWORK}.{number}"
        self.ip("netns", "add", name)
        self.ip(
            "link", "add", f"lbv{number}", "type", "veth", "peer", "name", "eth0", "netns", name
        )
        self.ip("link", "set", f"lbv{number}", "master", BRIDGE, "up")
        for command in (
            ["addr", "add", f"{address}/24", "dev", "eth0"],
            ["link", "set", "eth0", "up"],
        ):
            self.ip("-n", name, *command)
        self.ip("-n", name, "link", "set", "lo", "up")
        return Place(name, address)

    @staticmethod
    def ip(*arguments: str) -> str:
        """Run ip and return what it prints."""
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
        if done.returncode:
            pytest.fail(
                f"ip {' '.join(arguments)}: {done.stderr.strip()}. This test makes network"
                " namespaces: it needs root's capabilities and apt-get install iproute2."
            )
        return done.stdout


class Host(Stack):
    """The whole product on a separate host."""

    def __init__(self, network: Network, **environ: str) -> None:
        self.namespace, address = network.host()
        super().__init__(HOST=address, **environ)
        self.address = f"{address}:{self.port}"
        self.prefix = ["ip", "netns", "exec", self.namespace] if self.namespace else []

    def die(self) -> None:
        """Cut the network first, so that no connection is closed, then kill all processes."""
        if self.namespace:
            subprocess.run(["ip", "-n", self.namespace, "link", "set", "eth0", "down"], check=True)
        send([pid for pid, _ in self.processes()], signal.SIGKILL)
        self.process.wait()
