"""The site keeps running if the terminal or pipe of `make run` is not read or closed (row 44)."""

import fcntl
import os
import re
import select
import signal
import termios
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from harness.network import http_request
from harness.process import stopped
from harness.waiting import wait_until

from deploy.terminal import LogFiles
from tests.e2e.stack import Stack

LINE = 2000  # bytes of each forced log line
REQUESTS = 400  # that many lines fill every pipe between a worker and the terminal
NOT_SHOWN = re.compile(r"(\d+) lines were not shown; see (\S+)")
CTRL_S, CTRL_Q = b"\x13", b"\x11"


class Attached(Stack):
    """The product, with its output on a file descriptor of the test."""

    def __init__(self, output: int, *, controlling: bool = False, **environ: str) -> None:
        super().__init__(**environ)
        self.output_fd = output
        self.controlling = controlling

    def start(self) -> "Attached":
        options: dict[str, Any] = {"output": self.output_fd}
        if self.controlling:
            options |= {"stdin": self.output_fd, "start_new_session": True}
            options |= {"preexec_fn": take_terminal}
        self.process = self.launch(**options)
        os.close(self.output_fd)
        return self

    def output(self) -> str:
        return "(on the terminal)"

    def logs(self) -> str:
        folder = Path(self.folder.name) / "log"
        return "".join(path.read_text() for path in folder.glob("*.log*"))


def take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Screen:
    """The reading end of a pipe or a terminal."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.shown = b""

    def read(self) -> None:
        """Read all that is available, without waiting."""
        while select.select([self.fd], [], [], 0)[0]:
            self.shown += os.read(self.fd, 1 << 16)

    def text(self) -> str:
        return self.shown.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        def seen() -> object:
            self.read()
            return condition()

        wait_until(seen, what)


def open_pipe() -> tuple[int, int]:
    return os.pipe()


@contextmanager
def on_screen(
    opener: Callable[[], tuple[int, int]], **options: bool
) -> Iterator[tuple[Attached, Screen]]:
    """The product and the reader of its output; the reading end is closed at the end."""
    reading, writing = opener()
    screen = Screen(reading)
    try:
        with Attached(writing, **options) as stack:
            yield stack, screen
    finally:
        with suppress(OSError):
            os.close(reading)


def force_log_lines(stack: Stack, mark: str) -> None:
    """Request pages that do not exist: each makes a worker write a long log line."""

    def request(number: int) -> int:
        path = f"/{mark}-{number}-{'x' * LINE}"
        return http_request(stack.port, "GET", path, headers={"Host": "localhost"}).status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(request, range(REQUESTS))) == {404}


def everything_is_logged(stack: Attached, mark: str) -> bool:
    logged = set(re.findall(rf"Not Found: /{mark}-(\d+)-x", stack.logs()))
    return len(logged) == REQUESTS


@pytest.mark.parametrize("opener", [open_pipe, os.openpty], ids=["pipe", "terminal"])
def test_row_44_output_that_nobody_reads_delays_no_request(
    opener: Callable[[], tuple[int, int]],
) -> None:
    with on_screen(opener) as (stack, screen):
        screen.wait_for(lambda: "The live blog runs" in screen.text(), "the start's last line")
        force_log_lines(stack, "unread")
        assert stack.healthy()
        wait_until(lambda: everything_is_logged(stack, "unread"), "every line in the files")
        # Once it is read again, the missed lines are counted and later lines are shown.
        screen.wait_for(lambda: NOT_SHOWN.search(screen.text()), "the number of lines not shown")
        http_request(stack.port, "GET", "/at-last", headers={"Host": "localhost"})
        screen.wait_for(lambda: "Not Found: /at-last" in screen.text(), "the lines after it")
        text = screen.text()
        shown = set(re.findall(r"Not Found: /unread-(\d+)-x", text))
        missed = sum(int(number) for number, _ in NOT_SHOWN.findall(text))
        assert 0 < missed <= REQUESTS and len(shown) + missed >= REQUESTS
        assert {place for _, place in NOT_SHOWN.findall(text)} == {f"{stack.folder.name}/log"}


def test_row_44_a_terminal_stopped_by_ctrl_s_delays_no_request_and_no_shutdown() -> None:
    with on_screen(os.openpty) as (stack, screen):
        screen.wait_for(lambda: "The live blog runs" in screen.text(), "the start's last line")
        os.write(screen.fd, CTRL_S)
        force_log_lines(stack, "held")
        assert stack.healthy()
        # Nor must SIGTERM wait for the terminal.
        assert stack.stop() == 0


@pytest.mark.parametrize("opener", [open_pipe, os.openpty], ids=["pipe", "terminal"])
def test_row_44_a_closed_terminal_or_pipe_delays_no_request(
    opener: Callable[[], tuple[int, int]],
) -> None:
    with on_screen(opener) as (stack, screen):
        os.close(screen.fd)
        force_log_lines(stack, "closed")
        assert stack.healthy() and stack.process.is_running()
        wait_until(lambda: everything_is_logged(stack, "closed"), "every line in the files")
        screen.fd = os.open(os.devnull, os.O_RDONLY)


def test_row_44_the_site_keeps_running_when_the_window_is_closed() -> None:
    """Closing a window hangs up the terminal: its processes get SIGHUP."""
    with on_screen(os.openpty, controlling=True) as (stack, screen):
        os.close(screen.fd)
        force_log_lines(stack, "gone")
        assert stack.healthy() and stack.process.is_running()
        screen.fd = os.open(os.devnull, os.O_RDONLY)
        assert stack.stop(signal.SIGTERM) == 0


def test_row_44_a_suspended_make_run_delays_no_request() -> None:
    """Ctrl-Z stops the process that reads the logs; later it shows or counts the lines."""
    with on_screen(open_pipe) as (stack, screen):
        screen.wait_for(lambda: "The live blog runs" in screen.text(), "the start's last line")
        with stopped(stack.process.pid):
            force_log_lines(stack, "suspended")
            assert stack.healthy()

        def accounted_for() -> bool:
            shown = set(re.findall(r"Not Found: /suspended-(\d+)-x", screen.text()))
            missed = sum(int(number) for number, _ in NOT_SHOWN.findall(screen.text()))
            return len(shown) + missed >= REQUESTS

        screen.wait_for(accounted_for, "every line, shown or counted")


def test_lines_in_any_script_are_shown_and_those_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "worker_00.log"
    log.write_text("of an earlier start\n")
    files = LogFiles(tmp_path)

    def shown() -> list[str]:
        return [str(line) for line in files.lines()]

    assert shown() == []
    with log.open("a") as file:
        file.write("Not Found: /chat/中文/a/\nhalf a")
    assert shown() == ["worker_00 | Not Found: /chat/中文/a/"]
    with log.open("a") as file:
        file.write(' line\n{"message": "JSON"}\nthe last of the first file\n')
    # Rotated three times between two reads, as happens while `make run` is suspended.
    for number in range(3):
        for backup in (3, 2, 1):
            with suppress(FileNotFoundError):
                Path(f"{log}.{backup}").rename(f"{log}.{backup + 1}")
        log.rename(f"{log}.1")
        log.write_text(f"of file {number}\n")
    assert shown() == [
        "worker_00 | half a line",
        '{"message": "JSON"}',
        "worker_00 | the last of the first file",
        *(f"worker_00 | of file {number}" for number in range(3)),
    ]
    (tmp_path / "candidate.log").write_text("a new process\n")
    log.write_text("emptied\n")
    assert shown() == ["candidate | a new process", "worker_00 | emptied"]
