"""nginx with a configuration of the test's own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness.network import can_connect, free_port
from harness.process import Command, Server


class Replacement(NamedTuple):
    """A text that stands once in a configuration, and what the test has in its place."""

    old: str
    new: str


def replaced(text: str, replacements: Iterable[Replacement | tuple[str, str]]) -> str:
    """The text with the replacements made. Raises AssertionError where one does not fit."""
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


class NginxServer(Server):
    """nginx on `port`, which the configuration's `text` must listen on."""

    stop_signal = signal.SIGQUIT

    def __init__(
        self,
        text: str,
        port: int | None = None,
        address: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ):
        self.name = "nginx"
        self.text = text
        self.port = port or free_port()
        self.host = address
        self.prefix = prefix

    @staticmethod
    def program() -> str:
        found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert found, "There is no nginx; install it: apt-get install nginx"
        return found

    def prepare(self, folder: Path) -> None:
        (folder / "nginx.conf").write_text(self.text)

    def command(self) -> Command:
        place = ["-e", "stderr", "-p", str(self.folder), "-c", "nginx.conf"]
        return [self.program(), *place, "-g", "daemon off;"]

    def answers(self) -> bool:
        return can_connect(self.port, self.host)

    def stop(self, signum: int | None = None) -> None:
        with suppress(subprocess.TimeoutExpired):  # it waits for sockets that stay
            return super().stop(signum)
        self.process.stop()
