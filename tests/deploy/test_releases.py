"""deploy/releases.py and what deploy/building.py copies: the folder of releases, and its lock."""

import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import release
from deploy.building import Source
from deploy.control import Supervisor
from deploy.releases import SERVED, Lock, Releases, Stopped


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    folder = tmp_path / "releases"
    folder.mkdir()
    return Releases(folder)


def serve(releases: Releases, label: str = "files") -> Path:
    release = releases.make_folder(label)
    releases.switch(release)
    releases.mark_served(release)
    return release


def test_a_rollback_goes_to_the_last_release_that_was_in_service(
    releases: Releases,
) -> None:
    assert releases.before(None) is None
    first = serve(releases)
    assert releases.before(first) is None
    releases.make_folder("refused")
    third = serve(releases)
    assert releases.before(third) == first
    # From a checkout, to which `current` may link too, it goes to the newest release.
    assert releases.before(Path("/a/checkout")) == third


@pytest.fixture
def signals() -> Iterator[None]:
    """deploy/release sets handlers for the rest of its process."""
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


@pytest.mark.usefixtures("signals")
def test_after_the_first_release_a_rollback_says_what_to_do_instead(
    releases: Releases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not even to the checkout that the site ran from: its files may be those of the release."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    running = {"RELEASES_DIR": str(releases.folder)}
    monkeypatch.setattr(Supervisor, "environ", lambda supervisor: running)
    first = serve(releases)
    assert release.main(["--rollback"]) == 1
    assert capsys.readouterr().err == (
        "release: STOPPED: no release was in service before 0001-files, and nothing was changed;"
        " to go back, release an earlier revision: deploy/release REVISION.\n"
    )
    assert releases.current() == first and not Lock(releases).was_interrupted()


def test_three_releases_are_kept_and_the_current_one_and_those_in_use(releases: Releases) -> None:
    made = [serve(releases) for _ in range(6)]
    releases.switch(made[1])
    assert releases.prune(in_use={made[0]}) == [made[2]]
    assert releases.all() == [made[0], made[1], *made[3:]]
    assert releases.make_folder("a/label: x").name == "0007-a-label-x"


def test_the_folder_of_an_interrupted_release_is_removed(releases: Releases) -> None:
    current = serve(releases)
    releases.make_folder("unfinished")
    (releases.folder / "notes-of-mine").mkdir()
    releases.remove_unfinished()
    assert releases.all() == [current] and (releases.folder / "notes-of-mine").exists()
    (current / SERVED).unlink()
    releases.remove_unfinished()
    assert releases.all() == [current]


def test_the_lock_names_its_holder_and_detects_one_that_was_killed(
    releases: Releases,
) -> None:
    first, second = Lock(releases), Lock(releases)
    first.take("deploy/release main")
    with pytest.raises(Stopped, match=r"process \d+ \(deploy/release main\) of \w+, since"):
        second.take("deploy/release")
    assert not first.was_interrupted()
    assert first.fd is not None
    os.close(first.fd)  # as the kernel does when the process is killed
    assert second.was_interrupted()
    second.take("deploy/release")
    assert second.unfinished
    second.release()  # it failed and completed nothing
    assert second.was_interrupted()
    second.take("deploy/release --resume")
    second.unfinished = False
    second.release()
    assert not second.was_interrupted()


def product(folder: Path) -> Path:
    for name in ("deploy/install.sh", "manage.py", ".venv/x", "var/db", "data/media", "a/b c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def copied(source: Source, to: Path, but: set[Path]) -> set[str]:
    to.mkdir()
    source.copy_to(to, but)
    return {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()}


CODE = {"deploy/install.sh", "manage.py", "a/b c.txt"}


def test_a_folder_a_checkout_a_revision_and_an_archive_can_be_released(tmp_path: Path) -> None:
    folder = product(tmp_path / "folder")
    data = {folder / "data", folder / "var"}
    assert copied(Source.named(None, folder), tmp_path / "1", data) == CODE
    git = ["git", "-C", folder, "-c", "user.name=Test", "-c", "user.email=test@localhost"]
    (folder / ".gitignore").write_text(".venv\nvar\n")
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", ".gitignore", "deploy", "manage.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "One"], check=True)
    committed = {".gitignore", "deploy/install.sh", "manage.py"}
    assert copied(Source.named("main", folder), tmp_path / "2", data) == committed
    # Changed and added files, without ignored and deleted ones.
    (folder / "manage.py").unlink()
    changed = Source.named(None, folder)
    assert copied(changed, tmp_path / "3", data) == CODE - {"manage.py"} | {".gitignore"}
    assert changed.label.endswith("-changed")
    archive = tmp_path / "liveblog-1.2.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "1", "liveblog-1.2")
    packed = Source.named(str(archive), folder)
    assert packed.label == "liveblog-1.2" and copied(packed, tmp_path / "4", data) == CODE
    other = Source.named(str(tmp_path / "1"), folder)
    assert copied(other, tmp_path / "5", data) == CODE


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "liveblog-1.2.tar"
    archive.write_bytes(b"no archive" * 1000)
    with pytest.raises(Stopped, match="the archive cannot be unpacked: .*tar archive"):
        copied(Source.named(str(archive), tmp_path), tmp_path / "1", tmp_path / "data")


@pytest.mark.parametrize("name", ["no-such-thing", "empty"])
def test_a_source_that_cannot_be_released_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        Stopped, match="or a revision of the checkout|does not contain this product"
    ):
        Source.named(str(tmp_path / name) if name == "empty" else name, tmp_path)
