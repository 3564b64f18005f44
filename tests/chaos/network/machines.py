"""Separate machines for the product's dependencies: network namespaces on one bridge.

The whole run has namespaces of its own for networks, mounts and processes (`enter()`): nothing of
it is visible outside, and nothing is left behind, however it ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NETWORK = "10.77.92"
PRODUCT = f"{NETWORK}.1"  # the product's address
BRIDGE = "chaos-br"
MARK = "CHAOS_NAMESPACE"  # set in the environment of a run that is inside
# When the first process of its own tree ends, the kernel ends all others.
NAMESPACES = ["--net", "--mount", "--propagation", "private"]
NAMESPACES += ["--pid", "--fork", "--kill-child", "--mount-proc"]
TEMPORARY = "/mnt"  # a private file system of this run
NAMES = Path("/run/netns")  # where ip(8) keeps names of namespaces
# What a line that is slow lets through. 256 kbit/s carry the product's traffic with delays: 64 kB
# of buffer are up to 2 s.
SLOW = ("tbf", "rate", "256kbit", "burst", "4kb", "limit", "64kb")
# A queue of length 0 drops every packet, without notice to either side.
DROP = ("pfifo", "limit", "0")


def why_not() -> str | None:
    """The reason why this process cannot create namespaces, as a sentence; None if it can."""
    if os.getuid() != 0:
        return "The fault matrix makes network namespaces and mounts: run it as root."
    for command, package in (("ip", "iproute2"), ("tc", "iproute2"), ("unshare", "util-linux")):
        if not shutil.which(command):
            return f"There is no command {command}; install it: apt-get install {package}"
    return None


def enter() -> None:
    """Run this program again in new namespaces, unless it is inside. Raises SystemExit."""
    if MARK in os.environ:
        prepare()
        return
    if reason := why_not():
        sys.exit(reason)
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", *NAMESPACES, "--", sys.executable, *sys.orig_argv[1:]])


def prepare() -> None:
    """The bridge, and private folders for what has names in the file system."""
    run("ip", "link", "set", "lo", "up")
    NAMES.mkdir(exist_ok=True)
    for folder in (str(NAMES), TEMPORARY):
        run("mount", "-t", "tmpfs", "chaos", folder)
    tempfile.tempdir = os.environ["TMPDIR"] = TEMPORARY
    # The first process of a tree has no default actions: without this it would not end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{PRODUCT}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


class Machine:
    """A network namespace with an address. A context manager."""

    last = 1  # the last byte of the newest machine's address

    def __init__(self, name: str) -> None:
        Machine.last += 1
        self.name = name
        self.address = f"{NETWORK}.{self.last}"
        self.port = f"chaos-{self.last}"  # the bridge's end of its cable

    def __enter__(self) -> Machine:
        run("ip", "netns", "add", self.name)
        run(*f"ip link add {self.port} type veth peer name eth0 netns {self.name}".split())
        run("ip", "link", "set", self.port, "master", BRIDGE, "up")
        self.ip("addr", "add", f"{self.address}/24", "dev", "eth0")
        self.ip("link", "set", "eth0", "up")
        self.ip("link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        run("ip", "link", "del", self.port)
        run("ip", "netns", "del", self.name)

    def ip(self, *arguments: str) -> None:
        run("ip", "-n", self.name, *arguments)

    @property
    def prefix(self) -> list[str]:
        """What makes a command run on this machine."""
        return ["ip", "netns", "exec", self.name]

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Drop packets in both directions; no connection is refused or reset."""
        with self.queues(DROP):
            yield

    @contextmanager
    def slow(self) -> Iterator[None]:
        """A slow connection with a long buffer."""
        with self.queues(SLOW):
            yield

    @contextmanager
    def queues(self, kind: tuple[str, ...]) -> Iterator[None]:
        ends = (["dev", self.port], ["dev", "eth0"])
        for command, end in zip((["tc"], ["tc", "-n", self.name]), ends, strict=True):
            run(*command, "qdisc", "replace", *end, "root", *kind)
        # A host that is down is found out by ARP within seconds; one behind a router is not.
        outside, inside = ["ip"], ["ip", "-n", self.name]
        self.pin(outside, self.address, BRIDGE, hardware(inside, "eth0"))
        self.pin(inside, PRODUCT, "eth0", hardware(outside, BRIDGE))
        try:
            yield
        finally:
            for command, end in zip((["tc"], ["tc", "-n", self.name]), ends, strict=True):
                run(*command, "qdisc", "del", *end, "root")

    @staticmethod
    def pin(side: list[str], address: str, device: str, link: str) -> None:
        """Let this side know the other's hardware address for good."""
        entry = [address, "lladdr", link, "nud", "permanent", "dev", device]
        run(*side, "neigh", "replace", *entry)


def hardware(side: list[str], device: str) -> str:
    """A device's hardware address."""
    command = [*side, "-json", "link", "show", device]
    [link] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return link["address"]
