"""`deploy/release`: builds a release and puts it into service, or rolls back to the previous one.

It takes the lock and builds the release's folder. Then the release's own code takes over: this
process executes `deploy/activate.py` of that folder, in its own virtual environment.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy.building import Source, build  # noqa: E402
from deploy.control import Supervisor  # noqa: E402
from deploy.releases import Lock, Releases, Stopped  # noqa: E402
from proj.environment import Environment, WrongValue  # noqa: E402

EXIT_STOPPED = 1  # the release failed; the previous one stays in service


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code, or executes the release's own deploy/activate.py."""
    parser = argparse.ArgumentParser(prog="deploy/release", description=__doc__.splitlines()[0])
    parser.add_argument(
        "source",
        nargs="?",
        help="a git revision, a folder or a tar file (default: the files of this folder)",
    )
    parser.add_argument(
        "--interface",
        action="store_true",
        help="replace the interface servers under their sockets; with a source, after the workers",
    )
    parser.add_argument("--rollback", action="store_true", help="go back to the previous release")
    parser.add_argument(
        "--offline", action="store_true", help="for the next start, while the site is stopped"
    )
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)  # deploy/run.py
    options = parser.parse_args(arguments)
    if options.rollback and (options.source or options.interface):
        parser.error("--rollback cannot be combined with a source or --interface")
    # Raise KeyboardInterrupt, as SIGINT does, so that an unfinished folder is removed.
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)
    try:
        return Release(options).run()
    except (Stopped, WrongValue) as reason:
        print(f"release: STOPPED: {reason}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("release: STOPPED: interrupted; nothing was changed.", file=sys.stderr)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"release: STOPPED: {place}{error.strerror or error}.", file=sys.stderr)
    return EXIT_STOPPED


def say(text: str) -> None:
    print(f"release: {text}", flush=True)


class Release:
    """One call of deploy/release."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        environment = Environment()
        self.data_dir = environment.DATA_DIR
        self.run_dir = environment.run_dir
        folder = environment.RELEASES_DIR
        try:
            # Use the variables of the running processes, not those of this terminal.
            running = Supervisor(self.run_dir).environ()
        except OSError as error:
            if not options.offline:
                raise Stopped(
                    f"no site is running with DATA_DIR={self.data_dir} ({error.strerror or error});"
                    " use --offline to build a release for the next start."
                ) from None
        else:
            if "RELEASES_DIR" in running:
                folder = Path(running["RELEASES_DIR"])
                if options.offline:
                    raise Stopped(f"a site runs with DATA_DIR={self.data_dir}; omit --offline.")
            elif not options.offline:
                raise Stopped(
                    "the running site was started by a version without release folders; restart it"
                    " once: see docs/deployment.md, From a checkout to releases."
                )
        self.releases = Releases(folder)
        self.lock = Lock(self.releases)

    def run(self) -> int:
        options = self.options
        owner = self.data_dir.stat().st_uid if self.data_dir.exists() else None
        self.lock.take(" ".join(["deploy/release", *sys.argv[1:]]), owner)
        try:
            if options.resume:
                self.become(self.current(), "--resume")
            if options.rollback:
                self.become(self.release_before(), "--rollback")
            if options.interface and not options.source:
                self.become(self.current(), "--interface")
            release = self.make()
            if not options.offline:
                self.become(release, *(["--interface"] if options.interface else []), "--workers")
            self.releases.mark_served(release)
            self.releases.switch(release)
            say(f"{release.name} is current; the next start will serve it")
            return 0
        finally:
            self.lock.release()

    def make(self) -> Path:
        began = time.monotonic()
        self.releases.remove_unfinished()
        source = Source.named(self.options.source, ROOT)
        release = build(source, self.releases, self.data_dir.resolve(), ROOT)
        say(f"{release.name} was built in {time.monotonic() - began:.1f} s: {release}")
        return release

    def current(self) -> Path:
        current = self.releases.current()
        if current is None:
            raise Stopped(f"{self.releases.folder}/current does not link to a release.")
        return current

    def release_before(self) -> Path:
        current = self.current()
        before = self.releases.before(current)
        if before is None:
            raise Stopped(
                f"no release was in service before {current.name}, and nothing was changed; to go"
                " back, release an earlier revision: deploy/release REVISION."
            )
        return before

    def become(self, release: Path, *arguments: str) -> NoReturn:
        """Execute the release's own code in place of this process; it inherits the lock."""
        assert self.lock.fd is not None
        os.set_inheritable(self.lock.fd, True)
        python = str(release / ".venv" / "bin" / "python")
        script = str(release / "deploy" / "activate.py")
        command = [python, script, f"--run-dir={self.run_dir}", f"--lock={self.lock.fd}"]
        command.append(f"--releases={self.releases.folder}")
        if self.lock.unfinished:
            command.append("--unfinished")
        os.chdir(release)
        sys.stdout.flush()
        # Until the other program handles them; deploy/activate.py unblocks them.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        os.execv(python, [*command, *arguments])


if __name__ == "__main__":
    sys.exit(main())
