"""nginx in front of the product, with the top-level nginx.conf."""

import contextlib
import http.client
import os
from collections.abc import Sequence
from pathlib import Path

from harness.network import free_port
from harness.waiting import PATIENCE

from tests.certificates import make_certificate
from tests.e2e.stack import ROOT, Stack
from tests.nginx import NginxServer, replaced

CONF = (ROOT / "nginx.conf").read_text()


class Nginx(NginxServer):
    """nginx in front of the stack, started as the file says, with other ports.

    `open_folder`: whether nginx's workers can reach its folder where they are not who started it.
    Pytest's own folders are closed to others, and so are the stack's.
    `replacements`: of text of the file, besides the ports.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        open_folder: bool = True,
        tls: bool = False,
        replacements: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(CONF)
        self.stack = stack
        self.open_folder = open_folder
        self.tls = tls
        self.address = f"127.0.0.1:{self.port}"
        port = 8443 if tls else 8080
        if tls:
            self.text = with_tls(CONF).replace("0.0.0.0:8080 ", f"127.0.0.1:{free_port()} ")
            self.text = self.text.replace("[::]:8080 ", f"[::1]:{free_port()} ")
        ports = [
            ("127.0.0.1:8000;", f"{stack.address};"),
            (f"listen {port} ", f"listen 0.0.0.0:{self.port} "),
            (f"\n        listen [::]:{port} ", f"\nlisten [::1]:{self.port} "),
        ]
        self.text = replaced(self.text, [*ports, *replacements])

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        (folder / "var" / "nginx").mkdir(parents=True)
        for name in ("static", "media"):
            (folder / "var" / name).symlink_to(f"{self.stack.folder.name}/{name}")
        if self.tls:
            place = folder / "var" / "nginx"
            make_certificate(place / "fullchain.pem", place / "privkey.pem")
        if self.open_folder:
            os.chmod(self.stack.folder.name, 0o755)
        else:
            folder.chmod(0o700)

    def get(
        self, path: str, source: str = "127.0.0.1", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """(status, headers, body) of one request from that address of this machine."""
        host = "::1" if source == "::1" else "127.0.0.1"
        connection = http.client.HTTPConnection(
            host, self.port, timeout=PATIENCE, source_address=(source, 0)
        )
        with contextlib.closing(connection):
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=names)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


def with_tls(text: str) -> str:
    """What the file says to do for TLS: without the lines #plain#, with those after #tls#."""
    lines = [line for line in text.splitlines() if "#plain#" not in line]
    return "\n".join(line.replace("#tls# ", "") for line in lines) + "\n"


def requests_made(stack):
    layer_count = (
        "from channels import channel_layers as c;"
        "print(c['default'].channel_statistics('http.request')['messages_count'])"
    )
    return int(stack.shell(layer_count))
