"""A PostgreSQL server for the tests, on a free port, waited for by asking it."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
from harness.services import PATIENCE, free_port, wait_until


class PostgresServer:
    """A PostgreSQL of the test's own; as root it runs as another user, for it refuses root.

    `options` go to its command line. With a `namespace` (of root's) it runs in that network.
    """

    def __init__(self, address="127.0.0.1", *options, namespace=None):
        self.address = address
        self.options = options
        self.inside = ["ip", "netns", "exec", namespace] if namespace else []

    def __enter__(self):
        self.binaries = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1]).parent
        self.folder = Path(tempfile.mkdtemp(prefix="liveblog-pg-"))
        self.switch_user = []
        if os.getuid() == 0:
            user = "postgres" if "postgres" in {u.pw_name for u in pwd.getpwall()} else "nobody"
            shutil.chown(self.folder, user)
            group = str(pwd.getpwnam(user).pw_gid)
            self.switch_user = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        self.port = free_port()
        initdb = [self.binaries / "initdb", "-D", "data", "-U", "liveblog", "-A", "trust"]
        subprocess.run(
            [*self.switch_user, *initdb, "-E", "UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
        )
        with (self.folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all samenet trust\n")
        self.url = f"postgres://liveblog@{self.address}:{self.port}/postgres"
        return self.start()

    def start(self):
        postgres = [self.binaries / "postgres", "-D", "data", "-p", str(self.port)]
        postgres += ["-k", str(self.folder), "-h", self.address, "-c", "fsync=off"]
        self.process = subprocess.Popen(
            [*self.inside, *self.switch_user, *postgres, *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )
        wait_until(self.answers, f"PostgreSQL on port {self.port}")
        return self

    def answers(self):
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=2).close()
            return True

    def pids(self):
        """The server's process and its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text().split())]

    def kill(self):
        """End all of it at once (SIGKILL); start() starts it again with what it had stored."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder)
