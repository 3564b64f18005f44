"""The whole product, started as `make run` starts it, with clients to try it."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from harness.network import free_port
from harness.process import Command, Process
from harness.waiting import PATIENCE
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("SECRET_KEY", "REDIS_URL", "DATABASE_URL", "DATA_DIR", "PORT", "HOST")
Frame = dict[str, Any]
# Without a bound for frames that no test reads: behind those, the answer to a close would wait.
OPTIONS = {"proxy": None, "open_timeout": PATIENCE, "max_queue": None}


class Stack:
    """`deploy/run.py` on a free port with a data folder of its own. A context manager."""

    root = ROOT  # of the code that runs
    prefix: Sequence[str] = ()  # what the command runs under, such as a network namespace
    python: "subprocess.Popen[str] | None" = None  # the process of shell(), once it is there
    user: str | None = None  # who runs it; None: who runs the tests

    def __init__(
        self, command: Command = (sys.executable, "deploy/run.py"), **environ: str
    ) -> None:
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

    def start(self) -> Self:
        self.process = self.launch(log=Path(self.folder.name) / "terminal.log")
        return self

    def launch(self, **options: Any) -> Process:
        """Start the command; `options` say where its output goes."""
        if self.user is not None:
            options |= {"user": self.user, "extra_groups": []}
        command = [*self.prefix, *self.command]
        return Process(command, cwd=self.root, env=self.environ, **options)

    def wait_ready(self) -> Self:
        self.process.wait_ready(self.healthy, "an answer of /readyz")
        return self

    def healthy(self) -> bool:
        """Whether everything works."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz").status == 200
        return False

    def get(self, path: str, timeout: float = PATIENCE) -> http.client.HTTPResponse:
        return urllib.request.urlopen(f"http://{self.address}{path}", timeout=timeout)

    def output(self) -> str:
        return self.process.output()

    def manage(
        self, *arguments: str, input: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
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

    def shell(self, code: str) -> str:
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
        assert self.python.stdin and self.python.stdout
        self.python.stdin.write(json.dumps(code) + "\n")
        self.python.stdin.flush()
        answer = json.loads(self.python.stdout.readline())
        assert answer["error"] is None, answer["error"]
        return answer["output"]

    def post(self, *arguments: str) -> str:
        """What `manage.py post` does, without the seconds that the command takes to start."""
        call = f"call_command('post', *{arguments!r})"
        return self.shell(f"from django.core.management import call_command\n{call}")

    def reader(self, slug: str = "demo", after: int = 0, **options: Any) -> "Reader":
        return Reader(f"ws://{self.address}/channel/liveblog/{slug}/?after={after}", **options)

    def pids(self, words: str) -> list[int]:
        """The tree's processes whose command line holds the words."""
        return [pid for pid, command in self.processes() if words in command]

    def processes(self) -> Iterator[tuple[int, str]]:
        """(pid, command line) of every process that carries this stack's DATA_DIR."""
        mark = f"DATA_DIR={self.environ['DATA_DIR']}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                        yield int(entry.name), command.decode()

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """End it; returns the exit code."""
        self.end_shell()
        return self.process.stop(signum)

    def end_shell(self) -> None:
        """End the process of shell()."""
        if self.python is not None:
            assert self.python.stdin and self.python.stdout
            self.python.stdin.close()
            self.python.stdout.close()
            self.python.wait(PATIENCE)
            self.python = None

    def __enter__(self) -> Self:
        try:
            return self.start().wait_ready()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """Kill it, which saves the seconds of a shutdown; tests of the shutdown call stop()."""
        self.end_shell()
        if self.process.is_running():
            self.process.kill()
        self.folder.cleanup()


class Reader:
    """A WebSocket client that speaks frames. A context manager."""

    def __init__(self, url: str, **options: Any) -> None:
        self.connection = connect(url, **OPTIONS | options)
        self.socket = self.connection.__enter__()

    def frame(self) -> Frame:
        """The next frame that is no pulse, waited for."""
        return self.next(lambda frame: frame["type"] != "pulse")

    def pulse(self) -> Frame:
        """The next pulse, waited for."""
        return self.next(lambda frame: frame["type"] == "pulse")

    def next(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The next frame that is wanted; others are passed over. Raises TimeoutError."""
        deadline, passed_over = time.monotonic() + 3 * PATIENCE, []
        while time.monotonic() < deadline:
            frame: Frame = json.loads(self.socket.recv(timeout=PATIENCE))
            if wanted(frame):
                return frame
            passed_over.append(frame)
        raise TimeoutError(f"passed over {passed_over[-5:]}")

    def send(self, value: object) -> None:
        self.socket.send(value if isinstance(value, str | bytes) else json.dumps(value))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.__exit__(None, None, None)
