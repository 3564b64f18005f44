"""Separate hosts: network namespaces, each with its own address, on one bridge; and a balancer.

Only root can create namespaces. For other users, a host is another loopback address.
"""

import http.client
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from harness.process import send
from harness.waiting import PATIENCE

from tests.deploy.site import Site
from tests.e2e.stack import ROOT, Stack
from tests.nginx import NginxServer, replaced

NETWORK = "10.77.91"
BRIDGE = "liveblog-br"


class Place(NamedTuple):
    """The namespace of a host, if it has one, and its address."""

    namespace: str | None
    address: str


class Network:
    """The bridge and the namespaces. A context manager.

    `service` is where servers listen, `clients` are other addresses of this machine.
    """

    def __init__(self) -> None:
        self.is_real = os.getuid() == 0
        self.hosts = 0
        network = NETWORK if self.is_real else "127.0.0"
        self.service = f"{network}.1"
        self.clients = [f"{network}.{number}" for number in (101, 102, 103)]

    def __enter__(self) -> Self:
        if self.is_real:
            if not shutil.which("ip"):
                pytest.fail("There is no ip command; install it: apt-get install iproute2")
            self.clean()
            self.ip("link", "add", BRIDGE, "type", "bridge")
            for address in (self.service, *self.clients):
                self.ip("addr", "add", f"{address}/24", "dev", BRIDGE)
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

    def __init__(self, network: Network, **options: Any) -> None:
        self.namespace, self.host = network.host()
        super().__init__(HOST=self.host, **options)
        self.address = f"{self.host}:{self.port}"
        self.prefix = ["ip", "netns", "exec", self.namespace] if self.namespace else []

    def die(self) -> None:
        """Cut the network first, so that no connection is closed, then kill all processes."""
        if self.namespace:
            subprocess.run(["ip", "-n", self.namespace, "link", "set", "eth0", "down"], check=True)
        send([pid for pid, _ in self.processes()], signal.SIGKILL)
        self.process.wait()


class ReleasedHost(Host, Site):
    """A host that runs from release folders, with nginx in front, which takes the addresses of
    clients from the balancer."""

    def __init__(self, network: Network, **environ: str) -> None:
        # In place, as a release more takes some seconds.
        super().__init__(network, in_place=True, TRUSTED_HOPS="1", **environ)
        conf = changed_for_a_balancer((ROOT / "nginx.conf").read_text())
        self.nginx = HostNginx(conf, address=self.host, prefix=self.prefix)
        ours = [
            ("127.0.0.1:8000;", f"{self.address};"),
            ("listen 8080 ", f"listen {self.nginx.port} "),
            ("set_real_ip_from 10.0.0.5;", f"set_real_ip_from {network.service};"),
        ]
        self.nginx.text = replaced(self.nginx.text, ours)

    def __enter__(self) -> Self:
        super().__enter__()
        self.nginx.start()
        return self

    def die(self) -> None:
        super().die()
        self.nginx.kill()

    def __exit__(self, *_: object) -> None:
        self.nginx.close()
        super().__exit__()


class HostNginx(NginxServer):
    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        (folder / "var" / "nginx").mkdir(parents=True)

    def log(self) -> str:
        """The lines of the access log."""
        return (self.folder / "var" / "nginx" / "access.log").read_text()


SCALING = (ROOT / "docs" / "scaling.md").read_text()


def changed_for_a_balancer(conf: str) -> str:
    """nginx.conf as docs/scaling.md changes it with sed."""
    command = re.search(r"^sed -i (-e .*) /etc/nginx/nginx.conf$", SCALING, re.M)
    assert command, "docs/scaling.md has no sed line"
    return subprocess.run(
        ["sh", "-c", f"sed {command[1]}"], input=conf, capture_output=True, text=True, check=True
    ).stdout


class Balancer(NginxServer):
    """nginx with the file of docs/scaling.md, in front of two hosts' nginx."""

    def __init__(self, network: Network, hosts: Sequence[ReleasedHost]) -> None:
        block = re.search(r"^```\n(stream \{\n.*?)^```", SCALING, re.M | re.S)
        assert block, "docs/scaling.md has no balancer"
        super().__init__(block[1], address=network.service)
        first, second = (f"{host.host}:{host.nginx.port}" for host in hosts)
        ours = [
            ("10.0.0.6:443", first),
            ("10.0.0.7:443", second),
            # The pages' script of the tests reads from 127.0.0.1.
            ("listen 443 backlog=4096;", f"listen 0.0.0.0:{self.port} backlog=4096;"),
        ]
        module = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
        events = "pid nginx.pid;\nevents { worker_connections 4096; }\n"
        self.text = module + events + replaced(self.text, ours)

    def request(self, method: str, path: str, source: str) -> int:
        """The status of one request from that address of this machine."""
        connection = http.client.HTTPConnection(
            self.host, self.port, timeout=PATIENCE, source_address=(source, 0)
        )
        with closing(connection):
            connection.request(method, path)
            return connection.getresponse().status
