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
from typing import Self

import psycopg
from harness.network import free_port
from harness.process import Command, Server
from harness.waiting import wait_until


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
        self.program = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))[-1])
        self.switch_user: Sequence[str] = []
        if os.getuid() == 0:
            user = "postgres" if "postgres" in {u.pw_name for u in pwd.getpwall()} else "nobody"
            shutil.chown(folder, user)
            group = str(pwd.getpwnam(user).pw_gid)
            self.switch_user = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        self.make_data(folder)

    def make_data(self, folder: Path) -> None:
        """Make the folder `data`."""
        self.run("initdb", "-U", "liveblog", "-A", "trust", "-E", "UTF8", "--no-sync", cwd=folder)
        with (folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all samenet trust\n")

    def run(self, name: str, *arguments: str, cwd: Path) -> None:
        """Run a program of PostgreSQL's on the folder `data`."""
        command = [*self.switch_user, self.program.with_name(name), "-D", "data", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=cwd)

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


class PostgresStandby(PostgresServer):
    """A standby of a running server, on another address and the same port.

    From its start on, the server acknowledges no commit before the standby has it.
    """

    def __init__(self, primary: PostgresServer, address: str) -> None:
        super().__init__(address, port=primary.port)
        self.primary = primary

    def make_data(self, folder: Path) -> None:
        place = ["-h", self.primary.address, "-p", str(self.port), "-U", "liveblog"]
        self.run("pg_basebackup", *place, "-R", "-c", "fast", "--no-sync", cwd=folder)

    def start(self) -> Self:
        super().start()
        with self.primary.connect() as primary:
            primary.autocommit = True
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
            query = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            wait_until(lambda: primary.execute(query).fetchone(), "the standby's replication")
        return self

    def promote(self) -> None:
        """Make it the primary, as the operator or a tool such as Patroni does."""
        with self.connect() as standby:
            standby.execute("SELECT pg_promote()")
