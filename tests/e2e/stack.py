"""The whole product, started as `make run` starts it, with clients to try it."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from harness.services import PATIENCE, free_port, wait_until
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("SECRET_KEY", "REDIS_URL", "DATABASE_URL", "DATA_DIR", "PORT", "HOST")


class Stack:
    """`deploy/run.py` on a free port with a data folder of its own. A context manager."""

    root = ROOT  # of the code that runs
    python = None  # the process of shell(), once it is there
    user = None  # who runs it; None: who runs the tests

    def __init__(self, command=(sys.executable, "deploy/run.py"), **environ):
        self.command = command
        self.folder = tempfile.TemporaryDirectory(prefix="liveblog-stack-")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        inherited = {k: v for k, v in os.environ.items() if k not in OURS}
        self.environ = inherited | {
            "DATA_DIR": self.folder.name,
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **environ,
        }

    def start(self):
        self.log = open(Path(self.folder.name) / "terminal.log", "w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            self.command,
            cwd=self.root,
            env=self.environ,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            user=self.user,
            extra_groups=None if self.user is None else [],
        )
        return self

    def wait_ready(self):
        wait_until(
            lambda: self.process.poll() is not None or self.healthy(), "an answer of /readyz"
        )
        assert self.process.poll() is None, self.output()
        return self

    def healthy(self):
        """Whether everything works."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz").status == 200

    def get(self, path, timeout=PATIENCE):
        return urllib.request.urlopen(f"http://{self.address}{path}", timeout=timeout)

    def output(self):
        return (Path(self.folder.name) / "terminal.log").read_text()

    def manage(self, *arguments, input=None):
        """Run a management command as an operator would in a second terminal."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root,
            env=self.environ,
            input=input,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )

    def shell(self, code):
        """Run Python with the models at hand; returns what it prints."""
        if self.python is None:
            self.python = subprocess.Popen(
                [sys.executable, ROOT / "tests/e2e/shell.py"],
                cwd=self.root,
                env=self.environ | {"PYTHONPATH": str(self.root)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self.python.stdin.write(json.dumps(code) + "\n")
        self.python.stdin.flush()
        answer = json.loads(self.python.stdout.readline())
        assert answer["error"] is None, answer["error"]
        return answer["output"]

    def reader(self, slug="demo", after=0, **options):
        return Reader(f"ws://{self.address}/channel/liveblog/{slug}/?after={after}", **options)

    def pids(self, words):
        """The tree's processes whose command line holds the words."""
        return [pid for pid, command in self.processes() if words in command]

    def processes(self):
        """(pid, command line) of every process that carries this stack's DATA_DIR."""
        mark = f"DATA_DIR={self.folder.name}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                        yield int(entry.name), command.decode()

    def stop(self, signum=signal.SIGTERM):
        """End it; returns the exit code."""
        if self.python is not None:
            self.python.stdin.close()
            self.python.stdout.close()
            self.python.wait(PATIENCE)
            self.python = None
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.log.close()

    def __enter__(self):
        try:
            return self.start().wait_ready()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()


class Reader:
    """A WebSocket client that speaks frames. A context manager."""

    def __init__(self, url, **options):
        self.connection = connect(url, proxy=None, **{"open_timeout": PATIENCE} | options)
        self.socket = self.connection.__enter__()

    def frame(self):
        """The next frame that is no pulse, waited for."""
        return self.next(lambda frame: frame["type"] != "pulse")

    def pulse(self):
        """The next pulse, waited for."""
        return self.next(lambda frame: frame["type"] == "pulse")

    def next(self, wanted):
        """The next frame that is wanted; others are passed over."""
        while not wanted(frame := json.loads(self.socket.recv(timeout=PATIENCE))):
            pass
        return frame

    def send(self, value):
        self.socket.send(value if isinstance(value, str | bytes) else json.dumps(value))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.__exit__(None, None, None)
