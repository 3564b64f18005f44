"""The product as the matrix runs it, with faults of its terminal, its disk and its clock."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.chaos.network.machines import run
from tests.e2e.stack import Stack

DISK = 256  # MB for DATA_DIR: a little more than the product needs
PIPE = 4096  # bytes between the product and its terminal; full at once if it is not read
TOKEN = "token of the chaos suite"
SOURCE = Path(__file__).with_name("clock.c")


class Product(Stack):
    """`deploy/run.py` with DATA_DIR on a file system of its own. A context manager."""

    def __init__(self, log: Path, **environ: str) -> None:
        self.clock = Clock()
        settings = {"INTERFACES": "2", "WORKERS": "2", "API_TOKENS": TOKEN}
        super().__init__(**settings | self.clock.environ | environ)
        self.terminal = Terminal(log)
        size = f"size={DISK}m,mode=755"
        run("mount", "-t", "tmpfs", "-o", size, "chaos", self.folder.name)

    def start(self) -> Product:
        self.process = self.launch(output=self.terminal.inlet)
        self.terminal.open()
        return self

    def stop(self, *arguments: int) -> int:
        try:
            return super().stop(*arguments)
        finally:
            self.terminal.close()

    def output(self) -> str:
        return self.terminal.text()

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            with suppress(AssertionError):
                run("umount", "-l", self.folder.name)
            self.folder.cleanup()
            self.clock.close()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Fill the file system of DATA_DIR completely."""
        filler = Path(self.folder.name) / "filler"
        try:
            with filler.open("wb", buffering=0) as file:
                for size in (1 << 20, 1 << 12, 1):
                    with suppress(OSError):
                        while file.write(b"\0" * size):
                            pass
            yield
        finally:
            filler.unlink()


class Terminal:
    """Appends the product's output to a file, unless it is paused, as by Ctrl-S."""

    def __init__(self, path: Path) -> None:
        self.outlet, self.inlet = os.pipe()
        fcntl.fcntl(self.outlet, fcntl.F_SETPIPE_SZ, PIPE)
        self.path = path
        self.flowing = threading.Event()
        self.flowing.set()
        self.pause = 0.0  # s between two lines

    def open(self) -> None:
        os.close(self.inlet)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        with self.path.open("ab", buffering=0) as file:
            while True:
                self.flowing.wait()
                data = os.read(self.outlet, 100 if self.pause else 65_536)
                if not data:
                    return
                file.write(data)
                time.sleep(self.pause)

    def text(self) -> str:
        return self.path.read_text(errors="replace")

    def close(self) -> None:
        self.flowing.set()
        self.thread.join(5)
        os.close(self.outlet)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop reading, as after Ctrl-S."""
        self.flowing.clear()
        try:
            yield
        finally:
            self.flowing.set()

    @contextmanager
    def slow(self) -> Iterator[None]:
        self.pause = 0.1
        try:
            yield
        finally:
            self.pause = 0.0


class Clock:
    """The wall clock of the product's processes; the monotonic clock is not affected."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="chaos-clock-")
        compiler = shutil.which("cc")
        assert compiler, "There is no C compiler; install it: apt-get install gcc"
        library = Path(self.folder.name) / "clock.so"
        run(compiler, "-O2", "-nostdlib", "-shared", "-fPIC", "-o", str(library), str(SOURCE))
        self.file = Path(self.folder.name) / "offset"
        self.file.write_bytes(struct.pack("=q", 0))
        self.environ = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self.file)}

    def set(self, seconds: float) -> None:
        """Shift the wall clock by so many seconds."""
        with self.file.open("r+b", buffering=0) as file:
            file.write(struct.pack("=q", round(seconds * 1e9)))

    @contextmanager
    def stepped(self, seconds: float) -> Iterator[None]:
        self.set(seconds)
        try:
            yield
        finally:
            self.set(0)

    def close(self) -> None:
        self.folder.cleanup()
