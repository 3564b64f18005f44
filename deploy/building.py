"""Builds a release: a folder with code, a virtual environment and the collected static files."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.releases import Releases, Stopped
from proj.environment import BASE, MADE_FROM, NAMES

COLLECTED = "collected_static"  # proj/settings.py takes static files from there
NOT_CODE = {".git", ".venv", "__pycache__", "node_modules", COLLECTED, MADE_FROM, ".served"}


@dataclass(frozen=True)
class Source:
    """The source of a release's code: a revision of `folder`, an archive or a folder."""

    folder: Path
    revision: str = ""
    archive: Path | None = None

    @classmethod
    def named(cls, name: str | None, checkout: Path) -> "Source":
        """The source with that name; without one, the checkout's own files. Raises Stopped."""
        if not name:
            return cls(checkout)
        path = Path(name)
        if path.is_dir():
            if not (path / "deploy" / "install.sh").exists():
                raise Stopped(f"{name} does not contain this product: no deploy/install.sh.")
            return cls(path.resolve())
        if path.is_file():
            return cls(checkout, archive=path.resolve())
        found = git(checkout, "rev-parse", "--verify", "--quiet", "--short", f"{name}^{{commit}}")
        if found.returncode:
            reason = found.stderr.decode().strip().splitlines()
            raise Stopped(
                f"{name} is not a folder, an archive or a revision of the checkout {checkout}"
                + (f" ({reason[0]})." if reason else "; try git fetch.")
            )
        return cls(checkout, revision=found.stdout.decode().strip())

    @property
    def label(self) -> str:
        """The part of the release folder's name that tells what it was made from."""
        if self.revision:
            return self.revision
        if self.archive:
            return self.archive.name.split(".tar")[0]
        described = git(self.folder, "describe", "--always", "--dirty=-changed")
        return described.stdout.decode().strip() or "files"

    def copy_to(self, release: Path, but: set[Path]) -> None:
        """Write the code into an empty folder. `but`: folders that hold data. Raises Stopped."""
        if self.revision:
            archive = git(self.folder, "archive", "--format=tar", self.revision)
            unpack(archive.stdout, release)
        elif self.archive:
            unpack(self.archive, release)
        else:
            for path in self.files(but):
                (release / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.folder / path, release / path, follow_symlinks=False)
        if not (release / "deploy" / "install.sh").exists():
            raise Stopped("the source does not contain this product: no deploy/install.sh.")

    def files(self, but: set[Path]) -> list[Path]:
        """The code's files; in a checkout, without those that git ignores."""
        listed = git(self.folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        if listed.returncode == 0 and listed.stdout:
            names = [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]
        else:
            names = []
            for folder, folders, files in os.walk(self.folder):
                here = Path(folder)
                folders[:] = [f for f in folders if f not in NOT_CODE and here / f not in but]
                names += [(here / name).relative_to(self.folder) for name in files]
        return [
            name
            for name in names
            if not NOT_CODE & set(name.parts)
            and not but & set((self.folder / name).parents)
            and os.path.lexists(self.folder / name)  # git lists deleted files too
        ]


def git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True)
    except FileNotFoundError:
        return subprocess.CompletedProcess(arguments, 127, b"", b"git is not installed")


def unpack(archive: bytes | Path, release: Path) -> None:
    """Unpack a tar file; if it holds a single folder, the content of that folder.

    By the program tar: Python 3.11.2, which Debian 12 has, cannot unpack without the owners and
    permissions of the archive (the `filter` of tarfile came with 3.11.4).
    """
    command = ["tar", "--extract", "--no-same-owner", "--no-same-permissions", "--force-local"]
    command += ["--directory", str(release), "--file"]
    try:
        if isinstance(archive, bytes):
            done = subprocess.run([*command, "-"], input=archive, capture_output=True)
        else:
            done = subprocess.run([*command, str(archive)], capture_output=True)
    except FileNotFoundError:
        raise Stopped("the archive cannot be unpacked: tar is not installed.") from None
    if done.returncode:
        reason, *_ = done.stderr.decode(errors="replace").splitlines() or [""]
        raise Stopped(f"the archive cannot be unpacked: {reason.rstrip('.')}.")
    inside = list(release.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        folder = inside[0].rename(release / "unpacked.new")
        for path in folder.iterdir():
            path.rename(release / path.name)
        folder.rmdir()


def build(source: Source, releases: Releases, data_dir: Path, checkout: Path) -> Path:
    """Build a complete release and return its folder. Raises Stopped, and then leaves no folder."""
    # The site may run as another user, who can read the release but must not change it.
    os.umask(0o022)
    release = releases.make_folder(source.label)
    try:
        source.copy_to(release, but={data_dir, releases.folder.resolve()})
        # Relative folders in the settings mean the same in every release.
        (release / MADE_FROM).write_text(f"{BASE}\n")
        others = [checkout, *reversed(releases.all())]
        run(release, "deploy/install.sh", "--reuse", *map(str, others))
        python = ".venv/bin/python"
        run(release, python, "-m", "compileall", "-q", "-x", r"/\.venv/", ".")
        (release / COLLECTED).mkdir()
        with tempfile.TemporaryDirectory() as scratch:
            run(
                release,
                *(python, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"),
                DATA_DIR=scratch,
            )
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise
    return release


def run(release: Path, *command: str, **environ: str) -> None:
    """Run a command in the release's folder, without the site's settings. Raises Stopped."""
    inherited = {name: value for name, value in os.environ.items() if name not in NAMES}
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        command, cwd=release, env=inherited | environ, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        last = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]
        raise Stopped(f"{command[0]} failed in the new release: {last} No process was replaced.")
