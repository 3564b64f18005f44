"""PostgreSQL."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
from harness.network import free_port
from harness.process import Command, Server


class PostgresServer(Server):
    """A PostgreSQL of the test's own; as root it runs as another user, for it refuses root.

    `options` go to its command line. With a `namespace` (of root's) it runs in that network.
    """

    stop_signal = signal.SIGINT  # it disconnects its clients and does not wait for them

    def __init__(
        self,
        address: str = "127.0.0.1",
        *options: str,
        port: int | None = None,
        namespace: str | None = None,
    ):
        self.name = "postgresql"
        self.address = address
        self.options = options
        self.port = port or free_port()
        self.prefix = ["ip", "netns", "exec", namespace] if namespace else []
        self.url = f"postgres://liveblog@{address}:{self.port}/postgres"

    def prepare(self, folder: Path) -> None:
        initdb = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1])
        self.program = initdb.with_name("postgres")
        self.switch_user: Sequence[str] = []
        if os.getuid() == 0:
            user = "postgres" if "postgres" in {u.pw_name for u in pwd.getpwall()} else "nobody"
            shutil.chown(folder, user)
            group = str(pwd.getpwnam(user).pw_gid)
            self.switch_user = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        arguments = ["-D", "data", "-U", "liveblog", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [*self.switch_user, initdb, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        with (folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all samenet trust\n")

    def command(self) -> Command:
        place = ["-D", "data", "-p", self.port, "-k", str(self.folder), "-h", self.address]
        return [*self.switch_user, self.program, *place, "-c", "fsync=off", *self.options]

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, connect_timeout=2)

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False

    def pids(self) -> list[int]:
        """The server's process and its children."""
        return self.process.pids()
