"""The whole product, run from releases as docs/deployment.md says."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.waiting import PATIENCE

from deploy.control import Supervisor
from tests.e2e.stack import ROOT, Stack

# Some of these folders are written to by other tests at the same time.
NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".venv", "var", "tests", "bench", "docs", "node_modules", "__pycache__"),
    *(".*_cache", ".hypothesis"),
)


class Site(Stack):
    """A copy of the checkout, the `source`, and a site that runs from its first release.

    `in_place`: the site runs from the source itself, as with `make run`.
    """

    def __init__(self, *, in_place: bool = False, **environ: str) -> None:
        super().__init__(**environ)
        self.place = tempfile.TemporaryDirectory(prefix="liveblog-site-")
        self.source = Path(self.place.name) / "liveblog"
        shutil.copytree(ROOT, self.source, ignore=NOT_COPIED)
        (self.source / ".venv").symlink_to(ROOT / ".venv")
        self.releases = Path(self.folder.name) / "releases"
        self.current = self.releases / "current"
        self.in_place = in_place
        self.root = self.source if in_place else self.current

    def start(self) -> "Site":
        if not self.in_place and not self.current.exists():
            self.release("--offline")
        self.command = [str(self.root / ".venv" / "bin" / "python"), "deploy/run.py"]
        super().start()
        return self

    def run(
        self, *command: str | Path, cwd: Path | None = None, input: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=cwd or self.root,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            input=input,
        )

    def manage(
        self, *arguments: str, input: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return self.run(sys.executable, "manage.py", *arguments, input=input)

    def release(self, *arguments: str, code: int = 0) -> str:
        """Run deploy/release, which must exit with this code; returns its output."""
        done = self.run("deploy/release", *arguments, cwd=self.source)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def begin_release(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start deploy/release without waiting for it."""
        return subprocess.Popen(
            ["deploy/release", *arguments],
            cwd=self.source,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def replace(self, path: str, old: str, new: str, folder: Path | None = None) -> None:
        """Replace text in a file of the source, or of another folder."""
        file = (folder or self.source) / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    @contextmanager
    def changed(self, path: str, old: str, new: str, folder: Path | None = None) -> Iterator[None]:
        """Replace text in a file of the source, or of another folder, while the context lasts."""
        self.replace(path, old, new, folder)
        try:
            yield
        finally:
            self.replace(path, new, old, folder)

    def names(self) -> list[str]:
        """The names of the releases' folders, oldest first."""
        return sorted(path.name for path in self.releases.glob("0*"))

    def interfaces(self) -> dict[str, int]:
        """name -> process id of the interface servers, as supervisord sees them."""
        infos = Supervisor(Path(self.folder.name) / "run").infos()
        return {info["name"]: info["pid"] for info in infos if info["group"] == "interface"}

    def folders(self, words: str) -> set[Path]:
        """The working folders of the processes whose command line contains the words."""
        return {Path(f"/proc/{pid}/cwd").resolve() for pid in self.pids(words)}

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.place.cleanup()
