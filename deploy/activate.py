"""Puts the release that contains this file into service, in the running process tree.

`deploy/release` executes this program. It starts an extra worker of the release, the candidate.
Once the candidate answers, it switches `current` and replaces the workers. If a process does not
become ready, or this program is interrupted, it restores the previous release. If this program is
killed, deploy/run.py completes the release: see `Activation.resume`.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy.control import (  # noqa: E402
    Supervisor,
    as_caller,
    children,
    folder_of,
    is_ready,
    wait_until,
)
from deploy.releases import SERVED, Lock, Releases, Stopped  # noqa: E402
from proj.environment import NAMES, Environment, WrongValue  # noqa: E402

READY_WITHIN = 60  # s from a process's start to its first answer; a small machine takes 3
CANDIDATE = "candidate:candidate"
# Groups that are not replaced after the workers, as the pulse is.
NOT_WITH_WORKERS = ("workers", "candidate", "interface", "redis")
EXIT_STOPPED = 1  # as in deploy/release.py
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str] | None = None) -> int:
    """Do what the options say. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="deploy/activate.py")
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--releases", type=Path, required=True)
    parser.add_argument("--lock", type=int, required=True, help="the lock's file descriptor")
    for option in ("--workers", "--interface", "--rollback", "--resume", "--unfinished"):
        parser.add_argument(option, action="store_true")
    options = parser.parse_args(arguments)
    for signum in SIGNALS:
        signal.signal(signum, interrupt)
    releases = Releases(options.releases)
    lock = Lock(releases, options.lock, options.unfinished)
    try:
        # Blocked by deploy/release until these handlers were installed.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        activation = Activation(options.run_dir, releases, lock, options.rollback)
        if options.resume:
            activation.resume()
        if options.workers or options.rollback:
            activation.replace_workers()
        if options.interface:
            activation.replace_interfaces()
    except (Stopped, Interrupted, WrongValue) as reason:
        with suppress(OSError):
            print(f"release: STOPPED: {reason}", file=sys.stderr, flush=True)
        return EXIT_STOPPED
    except Exception as error:  # of supervisord, Redis or the disk
        traceback.print_exc()
        print(f"release: STOPPED: {error!r}", file=sys.stderr, flush=True)
        return EXIT_STOPPED
    finally:
        ignore_signals()
        lock.release()
    return 0


class Interrupted(BaseException):
    """A signal; not an Exception, so that no handler of the new code catches it."""


def interrupt(signum: int, _: object) -> None:
    """Raise Interrupted at the first signal; ignore later ones during the rollback."""
    ignore_signals()
    raise Interrupted(f"interrupted by {signal.Signals(signum).name}.")


def ignore_signals() -> None:
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def say(text: str) -> None:
    with suppress(OSError):  # a closed terminal must not stop the release
        print(f"release: {text}", flush=True)


class Report(NamedTuple):
    """What an interface server publishes about itself."""

    sockets: int
    at: int  # s since 1970
    is_ours: bool  # of this host


class Activation:
    """This release, and the process tree of a run folder."""

    def __init__(self, run_dir: Path, releases: Releases, lock: Lock, is_rollback: bool) -> None:
        self.started = time.monotonic()
        self.releases = releases
        self.lock = lock
        self.is_rollback = is_rollback
        self.run_dir = run_dir
        self.supervisor = Supervisor(run_dir)
        try:
            main_pid = self.supervisor.main_pid()
            running = self.supervisor.environ()
        except OSError as error:
            raise Stopped(f"the site is no longer running ({error.strerror or error}).") from None
        # Use the variables of the running processes, not those of this terminal.
        for name in NAMES:
            os.environ.pop(name, None)
            if name in running:
                os.environ[name] = running[name]
        become_user(Path(f"/proc/{main_pid}").stat().st_uid)
        self.environment = Environment()
        self.old = releases.current() or folder_of(main_pid) or ROOT
        os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
        try:
            import django
            from channels import DEFAULT_CHANNEL_LAYER, channel_layers

            django.setup()
            self.layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        except Exception as error:  # the new code may raise anything
            self.remove()
            raise Stopped(f"the new code cannot be loaded: {error!r}") from error

    # Workers

    def replace_workers(self) -> None:
        """Start the candidate, then replace each worker and the pulse. Raises Stopped."""
        try:
            self.prepare()
            before = self.sockets()
            say(f"{before} open sockets")
            self.start_candidate()
            with as_caller():
                self.releases.switch(ROOT)
            say(f"{ROOT.name} is current")
            workers = self.supervisor.names("workers")
            # One at a time. A rollback replaces half of them at once: it must be quick, and this
            # release has served before.
            self.converge(ROOT, at_once=(len(workers) + 1) // 2 if self.is_rollback else 1)
            if not wait_until(self.is_well, READY_WITHIN) and not self.is_rollback:
                raise Stopped("/readyz does not return 200 after all workers were replaced.")
            # From here on nothing is rolled back, and no step can fail.
            ignore_signals()
        except BaseException:
            ignore_signals()
            self.put_back()
            raise
        with as_caller():
            self.releases.mark_served(ROOT)
        self.end_trial()
        self.publish(plain=True)
        with as_caller():
            removed = self.releases.prune(self.in_use())
        for release in removed:
            say(f"{release.name} was removed")
        say(f"done in {time.monotonic() - self.started:.1f} s")
        say(f"{before} sockets before, {self.sockets(published_after=time.time())} after")

    def prepare(self) -> None:
        """Check, migrate, publish. A failure here has changed no process."""
        from django.core.management import CommandError, call_command
        from django.db import Error

        from deploy.migrating import Unsafe, migrate

        try:
            if not self.is_rollback:  # migrations are not undone
                call_command("check")
                say("the checks of the new code pass")
                migrate()
                say("the database was migrated")
            self.publish(plain=False)
        except (CommandError, Unsafe, Error, OSError, ValueError) as error:
            first, *_ = str(error).strip().splitlines() or [repr(error)]
            raise Stopped(f"{first} No process was replaced.") from error

    def publish(self, *, plain: bool) -> None:
        from proj.static import publish

        publish(plain=plain)

    def start_candidate(self) -> None:
        """Start the first process of this release; if it fails, no other has changed."""
        self.supervisor.stop(CANDIDATE)
        with as_caller():
            self.releases.try_out(ROOT)
        self.supervisor.start(CANDIDATE)
        place = "the first worker of this release"
        self.wait_for_worker(CANDIDATE, place, rehearse=not self.is_rollback)

    def converge(self, release: Path, at_once: int) -> None:
        """Replace the processes of other releases, `at_once` at a time. Raises Stopped."""
        supervisor = self.supervisor
        workers = supervisor.names("workers")
        outdated = [name for name in workers if supervisor.folder(name) != release]
        for start in range(0, len(outdated), at_once):
            batch = outdated[start : start + at_once]
            supervisor.stop(*batch)
            for name in batch:
                supervisor.start(name)
            for number, name in enumerate(batch, start + 1):
                self.wait_for_worker(name, f"{number} of {len(outdated)}")
        for name in supervisor.names(but=NOT_WITH_WORKERS):
            if supervisor.folder(name) != release:
                supervisor.stop(name)
                supervisor.start(name)
                say(f"{name} was replaced")
        for name in supervisor.names("interface"):
            if supervisor.is_stopped(name):  # by a release that was interrupted
                supervisor.start(name)
        self.lock.unfinished = False

    def wait_for_worker(self, name: str, place: str, rehearse: bool = False) -> None:
        """Wait until the worker responds. Otherwise print its last lines and raise Stopped."""
        from ops.probing import identity, wait_for_worker

        began = time.monotonic()
        supervisor = self.supervisor
        pid = wait_until(lambda: supervisor.pid(name), 5)
        at_once = 2 + len(supervisor.names("workers"))

        def alive() -> bool:
            return bool(pid) and supervisor.pid(name) == pid

        trouble = wait_for_worker(self.layer, identity(pid), at_once, READY_WITHIN, alive, rehearse)
        if trouble is None:
            trouble = "it does not respond" if alive() else "it exited"
        elif not trouble:
            wait_until(lambda: supervisor.is_running(name) or not alive(), READY_WITHIN)
            trouble = "" if supervisor.is_running(name) else "it exited"
        if trouble:
            for line in supervisor.last_lines(name):
                print(f"    {name} | {line}", file=sys.stderr)
            raise Stopped(f"{name} did not become ready: {trouble}.")
        say(f"{name} is ready ({place}), {time.monotonic() - began:.1f} s")

    def put_back(self) -> None:
        """Restore the previous release in all processes, and remove this release's folder."""
        self.lock.unfinished = True  # until it is completed, deploy/run.py retries it
        try:
            self.supervisor = Supervisor(self.run_dir)  # the old one may be in the middle of a call
            if self.releases.current() != self.old:
                with as_caller():
                    self.releases.switch(self.old)
            self.converge(self.old, at_once=1)
            self.end_trial()
            say(f"all processes run {self.old.name}")
        except Exception as error:  # as in main()
            say(f"{self.old.name} could not be restored: {error}")
        self.remove()

    def end_trial(self) -> None:
        self.supervisor.stop(CANDIDATE)
        with as_caller():
            self.releases.end_trial()

    def remove(self) -> None:
        """Remove this release's folder if it was never in service and no process runs in it."""
        if ROOT not in self.releases.all() or (ROOT / SERVED).exists():
            return
        if ROOT != self.releases.current() and ROOT not in self.in_use():
            with as_caller():
                shutil.rmtree(ROOT, ignore_errors=True)

    def resume(self) -> None:
        """Complete a release that was killed: replace the processes of other releases."""
        say(f"a release was interrupted; completing it with {ROOT.name}")
        self.converge(ROOT, at_once=1)
        self.supervisor.stop(CANDIDATE)
        with suppress(PermissionError), as_caller():  # the next release does it then
            self.releases.mark_served(ROOT)
            self.releases.end_trial()
        say(f"all processes run {ROOT.name}")

    def in_use(self) -> set[Path]:
        """The folders in which the tree's processes run."""
        main = self.supervisor.main_pid()
        parent = int(Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[1])
        pids = [*self.supervisor.pids(), main, parent]
        pids += [child for pid in pids for child in children(pid)]  # of the keepers
        return {folder for pid in pids if (folder := folder_of(pid))}

    def is_well(self) -> bool:
        with suppress(OSError):
            return is_ready(self.environment)
        return False

    # Interface servers

    def replace_interfaces(self) -> None:
        """Replace one after the other, with its sockets where that is possible. Raises Stopped."""
        before = self.sockets()
        say(f"{before} open sockets")
        try:
            names = self.supervisor.names("interface")
            for number, name in enumerate(names, 1):
                place = f"{number} of {len(names)}"
                if not self.take_over(name, place):
                    self.drain_and_start(name, place)
        finally:
            supervisor = Supervisor(self.run_dir)
            for name in supervisor.names("interface"):
                if supervisor.is_stopped(name):
                    supervisor.start(name)
        say(f"done in {time.monotonic() - self.started:.1f} s")
        say(f"{before} sockets before, {self.sockets(published_after=time.time())} after")

    def take_over(self, name: str, place: str) -> bool:
        """Have a new process take over from this one; False where it must be drained instead.

        Raises Stopped where the new process does not take over; the old one serves on then.
        """
        from channels_realtime.interface.takeover.messages import TransferError
        from channels_realtime.interface.takeover.taking import ask

        began = time.monotonic()
        try:
            refusal = ask(str(self.run_dir / name.partition(":")[2]), self.layer)
        except (OSError, TransferError) as error:
            refusal = f"It does not answer on its takeover socket: {error}."
        keeper = self.supervisor.pid(name)
        if refusal is not None or keeper is None:
            say(f"{name} has to be drained. {refusal or 'It does not run.'}")
            return False
        before = children(keeper)
        self.supervisor.signal(name, "HUP")
        started = False

        def is_decided() -> bool:
            nonlocal started
            now = children(keeper)
            started = started or bool(set(now) - set(before))
            return started and len(now) == 1

        wait_until(is_decided, READY_WITHIN)
        after = children(keeper)
        if len(after) != 1 or after == before or not wait_until(self.is_well, READY_WITHIN):
            for line in self.supervisor.last_lines(name):
                print(f"    {name} | {line}", file=sys.stderr)
            raise Stopped(f"{name} was not replaced; it and the remaining ones serve on.")
        say(f"{name} was replaced under its sockets ({place}), {time.monotonic() - began:.1f} s")
        return True

    def drain_and_start(self, name: str, place: str) -> None:
        """Close the sockets of this one (1012), and start it again. Raises Stopped."""
        began = time.monotonic()
        self.supervisor.stop(name)
        drained = time.monotonic()
        say(f"{name} was drained, {drained - began:.1f} s")
        known = self.living_interfaces()
        self.supervisor.start(name)
        if not wait_until(
            lambda: self.living_interfaces() - known and self.is_well(),
            READY_WITHIN,
        ):
            for line in self.supervisor.last_lines(name):
                print(f"    {name} | {line}", file=sys.stderr)
            raise Stopped(f"{name} did not become ready; the remaining ones were not replaced.")
        say(f"{name} is ready ({place}), {time.monotonic() - drained:.1f} s")

    def living_interfaces(self) -> set[bytes]:
        """The names of all interface servers in Redis, including those of other hosts."""
        found: set[bytes] = set()
        for index in range(self.layer.ring_size):
            found |= set(self.layer.connection(index).zrange(self.layer.processes_key, 0, -1))
        return found

    # Sockets

    def sockets(self, published_after: float = 0.0) -> int:
        """The number of open WebSockets, as the interface servers publish it every few seconds.

        Waits until each of this host has published after `published_after` (s since 1970).
        """
        from channels_realtime.metrics.counters import PUBLISH

        processes = len(self.supervisor.names("interface"))

        def published() -> bool:
            times = [report.at for report in self.reports() if report.is_ours]
            return sum(at > published_after for at in times) >= processes

        wait_until(published, PUBLISH + 3)
        return sum(report.sockets for report in self.reports())

    def reports(self) -> Iterator[Report]:
        """The report of each interface server, including those of other hosts."""
        from channels_realtime.metrics.counters import metrics_key

        for index in range(self.layer.ring_size):
            found = self.layer.connection(index).hgetall(metrics_key(self.layer))
            for name, text in found.items():
                kind, _, place = name.decode().partition("@")
                host, _, pid = place.rpartition(":")
                is_ours = host == socket.gethostname()
                if kind != "interface" or (is_ours and not Path(f"/proc/{pid}").exists()):
                    continue
                seconds, _, snapshot = text.decode().partition(" ")
                values = json.loads(snapshot)["values"]
                yield Report(values.get("sockets", 0), int(seconds), is_ours)


def become_user(uid: int) -> None:
    """Continue as the site's user if root called, so that new files belong to that user."""
    if os.geteuid() == 0 and uid != 0:
        user = pwd.getpwuid(uid)
        os.initgroups(user.pw_name, user.pw_gid)
        os.setegid(user.pw_gid)
        os.seteuid(uid)
        os.environ["HOME"] = user.pw_dir  # where libpq looks for certificates and passwords


if __name__ == "__main__":
    sys.exit(main())
