"""Releases in separate folders (row 43): a failed, interrupted or killed one does no harm."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from harness.process import stopped
from harness.waiting import PATIENCE, wait_until

from deploy.control import Supervisor
from tests.deploy.crowd import Crowd
from tests.deploy.newsroom import Newsroom
from tests.deploy.site import Site

READERS = 50
WORKERS = "runworker"
CANDIDATE = "candidate:candidate"
ROLLED_BACK_WITHIN = 60  # s, on a machine under load; an idle one takes 7
# A page whose template no worker has loaded yet, and its style sheet.
PAGE = "/voice/nobody-was-here/"
TEMPLATE = "conversations/templates/conversations/voice_room.html"
TITLE = '· {% translate "Voice room" %}'
STYLES = "conversations/static/conversations/conversations.css"
# This code loads in deploy/release, which runs the checks, but not in a worker.
FAILS = "import sys\nif 'runworker' in sys.argv:\n    raise RuntimeError('of the new code')\n"
IMPORT = "from django.apps"

pytestmark = pytest.mark.timeout(600)


@contextmanager
def new_code_that_does_not_start(site: Site) -> Iterator[None]:
    with (
        site.changed("proj/apps.py", IMPORT, FAILS + IMPORT),
        site.changed(TEMPLATE, TITLE, "{% nothing %}"),
        site.changed(STYLES, "{", "{/* of the refused release */"),
    ):
        yield


def text(site: Site, path: str) -> str:
    return site.get(path).read().decode()


def style_sheet(site: Site) -> str:
    """The URL of the page's style sheet, with its hash."""
    return re.search(r'href="(/static/conversations/conversations\.\w+\.css)"', text(site, PAGE))[1]


def kill_workers(site: Site) -> None:
    """Kill all workers, and wait until supervisord has replaced them."""
    killed = set(site.pids(WORKERS))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(site.pids(WORKERS)) - killed) >= 2, "workers in their place")
    wait_until(site.healthy, "an answer of /healthz")


def static_files(site: Site) -> dict[str, bytes]:
    published = Path(site.folder.name) / "static"
    return {
        path.relative_to(published).as_posix(): path.read_bytes()
        for path in published.rglob("*")
        if path.is_file()
    }


def test_row_43_a_refused_release_changes_nothing(site: Site) -> None:
    """No process, page or static file is the new release's, also after the workers were killed."""
    workers, names, files = set(site.pids(WORKERS)), site.names(), static_files(site)
    with Crowd(site.address, number=READERS) as crowd, new_code_that_does_not_start(site):
        output = site.release(code=1)
        assert "STOPPED" in output and "did not become ready" in output
        assert "of the new code" in output and "all processes run" in output
        assert set(site.pids(WORKERS)) == workers and site.names() == names
        assert site.healthy() and crowd.disconnects == 0
        for _ in range(6):  # each worker loads the template now
            assert "Voice room" in text(site, PAGE)
        assert static_files(site).items() >= files.items()
        kill_workers(site)
        assert "Voice room" in text(site, PAGE)
        assert "of the refused release" not in text(site, style_sheet(site))


def test_row_43_open_pages_find_the_static_files_of_their_release(site: Site) -> None:
    old = style_sheet(site)
    content = text(site, old)
    with site.changed(STYLES, "{", "{/* new */"):
        site.release()
        kill_workers(site)  # a worker may have cached the old file
        assert "new" in text(site, style_sheet(site)) and style_sheet(site) != old
        assert text(site, old) == content
        assert "new" in text(site, "/static/conversations/conversations.css")


def test_row_43_a_rollback_takes_seconds_and_closes_no_socket(site: Site) -> None:
    before = site.current.resolve()
    with (
        Crowd(site.address, number=READERS) as crowd,
        site.changed(TEMPLATE, TITLE, "of the new release"),
    ):
        with Newsroom(site) as newsroom:
            site.release()
            for _ in range(4):
                assert "of the new release" in text(site, PAGE)
            output = site.release("--rollback")
        assert float(re.search(r"done in ([\d.]+) s", output)[1]) < ROLLED_BACK_WITHIN
        assert site.folders(WORKERS) == {before} == {site.current.resolve()}
        for _ in range(4):
            assert "Voice room" in text(site, PAGE)
        crowd.wait_for(newsroom.head)
        assert crowd.disconnects == 0


@pytest.mark.nightly
def test_row_43_only_the_last_three_releases_and_those_in_use_are_kept(site: Site) -> None:
    while len(site.names()) < 4:
        site.release()
    site.release()
    in_use = {folder.name for folder in site.folders(site.folder.name)}
    in_use |= {
        folder.name for words in ("supervisord", "interface") for folder in site.folders(words)
    }
    names = site.names()
    assert site.current.resolve().name == names[-1]
    # The first one holds interface servers and supervisord.
    assert set(names[:-3]) <= in_use and len(names) <= 3 + len(in_use)


def begin(site: Site, step: str) -> "subprocess.Popen[str]":
    """Start a release and wait until it has reached this step."""
    process = site.begin_release()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if step in line:
            return process
    raise AssertionError("".join(lines))


def is_whole(site: Site) -> bool:
    """Every worker and the pulse run from the current folder, and the candidate does not run."""
    supervisor = Supervisor(Path(site.folder.name) / "run")
    pids = [
        supervisor.pid(name) for group in ("workers", "pulse") for name in supervisor.names(group)
    ]
    folders = {os.readlink(f"/proc/{pid}/cwd") for pid in pids if pid}
    is_complete = len(pids) == 3 and all(pids) and supervisor.pid(CANDIDATE) is None
    return is_complete and folders == {str(site.current.resolve())}


def steps(now: str, *later: str) -> list[object]:
    """Each step is named by the line that reports it; those of `later` are tried nightly."""
    return [now, *(pytest.param(step, marks=pytest.mark.nightly) for step in later)]


@pytest.mark.parametrize("step", steps("(1 of 2)", "was built", "candidate is ready"))
def test_row_54_an_interrupted_release_leaves_the_old_one_whole(site: Site, step: str) -> None:
    old = site.current.resolve()
    with Crowd(site.address, number=READERS) as crowd:
        process = begin(site, step)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=2 * PATIENCE)
        assert process.returncode == 1 and "STOPPED" in output, output
        assert site.current.resolve() == old and is_whole(site)
        kill_workers(site)
        assert is_whole(site) and crowd.disconnects == 0


@pytest.mark.parametrize("step", steps("is current", "candidate is ready", "(1 of 2)"))
def test_row_54_a_killed_release_leaves_the_old_or_the_new_one_whole(site: Site, step: str) -> None:
    with Crowd(site.address, number=READERS) as crowd:
        with Newsroom(site) as newsroom:
            process = begin(site, step)
            process.kill()
            process.wait()
            assert site.healthy()
            wait_until(lambda: is_whole(site), "one release in all processes", 2 * PATIENCE)
            kill_workers(site)
            assert is_whole(site)
        crowd.wait_for(newsroom.head)
        assert crowd.disconnects == 0
    wait_until(lambda: not (site.releases / "lock").read_text(), "the release of the lock")


def test_row_43_a_second_release_names_the_one_in_progress(site: Site) -> None:
    """The first one also shows that a release works as usual after others were killed."""
    first = begin(site, "open sockets")
    with stopped(first.pid):  # so that it is still in progress
        output = site.release("--rollback", code=1)
    assert f"another release is in progress: process {first.pid} (deploy/release) of " in output
    first.communicate(timeout=2 * PATIENCE)
    assert first.returncode == 0
    assert is_whole(site)


@pytest.mark.nightly
def test_row_43_a_checkout_switches_to_releases_without_closing_a_socket() -> None:
    with Site(in_place=True) as site:
        git(site, "init", "-q")
        (site.source / ".gitignore").write_text(".venv\n__pycache__\n")
        git(site, "add", "-A")
        git(site, "commit", "-qm", "The first")
        assert site.folders(WORKERS) == {site.source}
        with Crowd(site.address, number=READERS) as crowd:
            git(site, "checkout", "-q", "-b", "branch")
            site.replace(TEMPLATE, TITLE, "of a branch")
            git(site, "commit", "-qam", "The second")
            git(site, "checkout", "-q", "-")
            assert f"{READERS} after" in site.release("branch")
            assert "of a branch" in text(site, PAGE)
            assert is_whole(site) and site.folders(WORKERS) != {site.source}
            assert "no release was in service before" in site.release("--rollback", code=1)
            assert "of a branch" in text(site, PAGE)
            assert crowd.disconnects == 0
        assert "is not a folder, an archive or a revision" in site.release("nowhere", code=1)
        # After a reboot the service starts from `current`.
        site.stop()
        site.in_place, site.root = False, site.current
        site.start().wait_ready()
        assert "of a branch" in text(site, PAGE) and is_whole(site)
        # `make run` in the checkout serves the checkout, whatever was released.
        site.stop()
        site.in_place, site.root = True, site.source
        site.start().wait_ready()
        assert "instead of the release 0001-" in site.output()
        assert "Voice room" in text(site, PAGE) and site.folders(WORKERS) == {site.source}


@pytest.mark.nightly
def test_row_43_an_older_installation_switches_to_releases_with_one_restart() -> None:
    """See docs/deployment.md, From a checkout to releases."""
    site = Site(in_place=True)
    new = {path: (site.source / path).read_text() for path in ("deploy/run.py", "supervisord.conf")}
    site.replace(
        "deploy/run.py", '            "RELEASES_DIR": str(environment.RELEASES_DIR),\n', ""
    )
    for folder in ("current", "candidate"):
        site.replace("supervisord.conf", f"directory=%(ENV_RUN_DIR)s/releases/{folder}\n", "")
    with site, Crowd(site.address, number=READERS, comes_back=True) as crowd:
        for path, content in new.items():
            (site.source / path).write_text(content)
        assert "From a checkout to releases" in site.release(code=1)
        site.release("--offline")
        site.stop()
        site.in_place, site.root = False, site.current
        site.start().wait_ready()
        assert is_whole(site) and site.folders(WORKERS) != {site.source}
        crowd.wait_for_live()
        assert crowd.codes == {1012}
        site.release()
        assert is_whole(site)


def git(site: Site, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=site.source, check=True)


def owners(folder: Path, but: str) -> set[int]:
    """The owners of the files in the folder, except those with the name `but`."""
    found = set()
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a database's journal comes and goes
            found |= {path.lstat().st_uid} if path.name != but else set()
    return found


def is_open(path: str) -> bool:
    """Whether every user may execute it."""
    real = Path(path).resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (real, *real.parents))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a site as another user")
@pytest.mark.skipif(not is_open(sys.executable), reason="only its owner can run this Python")
def test_row_43_the_site_s_user_cannot_change_releases_that_root_makes() -> None:
    user = pwd.getpwnam("nobody")
    place = Path(tempfile.mkdtemp(prefix="liveblog-releases-"))
    site = Site(RELEASES_DIR=str(place))
    try:
        for folder in (place, Path(site.place.name), Path(site.folder.name)):
            folder.chmod(0o755)
        os.chown(site.folder.name, user.pw_uid, user.pw_gid)
        site.current = site.root = place / "current"
        site.user = user.pw_name
        with site, Crowd(site.address, number=READERS) as crowd:
            site.release()
            assert is_whole(site) and site.folders(WORKERS) == {place / "0002-files"}
            begin(site, "is current").kill()
            wait_until(lambda: is_whole(site), "one release in all processes", 2 * PATIENCE)
            assert site.folders(WORKERS) == {place / "0003-files"}
            assert crowd.disconnects == 0
            assert owners(place, but="lock") == {0}
            assert owners(Path(site.folder.name), but="terminal.log") == {user.pw_uid}
    finally:
        shutil.rmtree(place)
