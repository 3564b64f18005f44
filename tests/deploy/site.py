"""The whole product in a folder of its own, so that its code can change while it runs."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.stack import ROOT, Stack
from tests.services import PATIENCE

# Among these is what other tests may be writing just now.
NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".venv", "var", "tests", "bench", "docs", "node_modules", "__pycache__"),
    *(".*_cache", ".hypothesis"),
)


class Site(Stack):
    """A copy of the checkout, with its own data and the checkout's .venv."""

    def __init__(self, **environ):
        super().__init__(**environ)
        self.place = tempfile.TemporaryDirectory(prefix="liveblog-site-")
        self.root = Path(self.place.name) / "liveblog"
        shutil.copytree(ROOT, self.root, ignore=NOT_COPIED)
        (self.root / ".venv").symlink_to(ROOT / ".venv")

    def run(self, *command, **options):
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            **options,
        )

    def manage(self, *arguments, input=None):
        return self.run(sys.executable, "manage.py", *arguments, input=input)

    def release(self, *arguments, code=0):
        """What deploy/release printed, which must end with this code."""
        done = self.run("deploy/release", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def replace(self, path, old, new):
        """Change a file of the code."""
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def __exit__(self, *_):
        super().__exit__()
        self.place.cleanup()
