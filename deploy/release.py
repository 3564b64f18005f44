"""`deploy/release`: replaces what runs by the code that is here, one process at a time.

The first process of the new code is an extra worker. Only when it has answered are old ones
replaced, each after the one before it has answered. What does not get ready is stopped again, and
those that were not replaced yet go on.
"""

import argparse
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy.control import Supervisor, is_ready, wait_until  # noqa: E402
from proj.environment import VARIABLES, Environment, WrongValue  # noqa: E402

READY_WITHIN = 60  # s from the start of a process to its first answer; a small machine takes 3
CANDIDATE = "candidate:candidate"
EXIT_STOPPED = 1  # the release did not go through; what it replaced and what it left both work


class Stopped(Exception):
    """Why the release does not go on, as one sentence."""


def main(arguments=None):
    """Release. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="deploy/release", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--interface", action="store_true", help="replace the interface servers, by drain"
    )
    options = parser.parse_args(arguments)
    try:
        release = Release(Environment())
        if options.interface:
            release.replace_interfaces()
        else:
            release.replace_workers()
    except (Stopped, WrongValue) as reason:
        print(f"release: STOPPED: {reason}", file=sys.stderr, flush=True)
        return EXIT_STOPPED
    return 0


def say(text):
    print(f"release: {text}", flush=True)


class Release:
    """One release of the tree that runs with this environment's DATA_DIR."""

    def __init__(self, environment):
        self.started = time.monotonic()
        self.supervisor = Supervisor(environment.run_dir)
        try:
            running = self.supervisor.environ()
        except OSError as error:
            raise Stopped(
                f"nothing runs with DATA_DIR={environment.DATA_DIR} ({error.strerror or error})"
            ) from None
        # Migrate the database that the processes use, whatever this terminal's variables say.
        for variable in VARIABLES:
            os.environ.pop(variable.name, None)
            if variable.name in running:
                os.environ[variable.name] = running[variable.name]
        self.environment = Environment()
        os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
        import django
        from channels import DEFAULT_CHANNEL_LAYER, channel_layers

        try:
            django.setup()
            self.layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        except Exception as error:  # whatever the new code does at its import
            raise Stopped(f"the new code cannot be loaded: {error!r}") from error

    # Workers

    def replace_workers(self):
        """The candidate, then each worker, then the pulse. Raises Stopped."""
        self.prepare()
        before = self.sockets()
        say(f"{before} sockets are open")
        self.supervisor.stop(CANDIDATE)  # that of a release that was interrupted
        self.start_worker(CANDIDATE, "the first of the new code")
        names = self.supervisor.names("workers")
        for number, name in enumerate(names, 1):
            self.supervisor.stop(name)
            self.start_worker(name, f"{number} of {len(names)}")
        for name in self.supervisor.names("pulse"):
            self.supervisor.stop(name)
            self.supervisor.start(name)
            say(f"{name} is replaced")
        self.supervisor.stop(CANDIDATE)
        self.report(before)

    def prepare(self):
        """Check, migrate, collect: what fails here has changed no process."""
        from django.core.management import CommandError, call_command
        from django.db import Error

        try:
            call_command("check")
            say("the new code's checks pass")
            call_command("migrate", verbosity=0, interactive=False)
            say("the database is migrated")
            call_command("collectstatic", verbosity=0, interactive=False)
            say("static files are collected")
        except (CommandError, Error, OSError, ValueError) as error:
            first, *_ = str(error).strip().splitlines() or [repr(error)]
            raise Stopped(f"{first} No process was replaced.") from error

    def start_worker(self, name, place):
        """Start it and wait until it has answered; else stop it and end the release."""
        from ops.probing import identity, wait_for_worker

        began = time.monotonic()
        self.supervisor.start(name)
        pid = wait_until(lambda: self.supervisor.pid(name), 5)
        at_once = 2 + len(self.supervisor.names("workers"))

        def alive():
            return pid and self.supervisor.pid(name) == pid

        trouble = wait_for_worker(self.layer, identity(pid), at_once, READY_WITHIN, alive)
        if trouble == "":
            left = READY_WITHIN - (time.monotonic() - began)
            wait_until(lambda: self.supervisor.is_running(name) or not alive(), left)
            if not (self.supervisor.is_running(name) and self.is_well()):
                trouble = "/readyz does not answer with 200"
        elif trouble is None:
            trouble = "it does not answer" if alive() else "it ended"
        if trouble:
            self.give_up(name, trouble)
        say(f"{name} is ready ({place}), {time.monotonic() - began:.1f} s")

    def give_up(self, name, trouble):
        """Stop it, show what it said last, and raise Stopped."""
        lines = self.supervisor.last_lines(name)
        self.supervisor.stop(name)
        for line in lines:
            print(f"    {name} | {line}", file=sys.stderr)
        if name == CANDIDATE:
            raise Stopped(f"the new code does not get ready: {trouble}. All old workers go on.")
        raise Stopped(
            f"{name} does not get ready: {trouble}. It is stopped; the workers after it go on with"
            f" the old code, and {CANDIDATE} serves in its place. Release again."
        )

    def is_well(self):
        with suppress(OSError):
            return is_ready(self.environment)

    # Interface servers

    def replace_interfaces(self):
        """One after the other, each by drain. Raises Stopped."""
        before = self.sockets()
        say(f"{before} sockets are open")
        names = self.supervisor.names("interface")
        for number, name in enumerate(names, 1):
            began = time.monotonic()
            self.supervisor.stop(name)
            drained = time.monotonic()
            say(f"{name} has sent its readers away, {drained - began:.1f} s")
            known = self.living_interfaces()
            self.supervisor.start(name)
            if not wait_until(
                lambda: self.living_interfaces() - known and self.is_well(),  # noqa: B023
                READY_WITHIN,
            ):
                self.give_up_interface(name)
            took = time.monotonic() - drained
            say(f"{name} is ready ({number} of {len(names)}), {took:.1f} s")
        self.report(before)

    def give_up_interface(self, name):
        for line in self.supervisor.last_lines(name):
            print(f"    {name} | {line}", file=sys.stderr)
        raise Stopped(f"{name} does not get ready; those after it go on as they are.")

    def living_interfaces(self) -> set[bytes]:
        """The names of all that Redis knows, of other hosts as well."""
        found = set()
        for index in range(self.layer.ring_size):
            found |= set(self.layer.connection(index).zrange(self.layer.processes_key, 0, -1))
        return found

    # Sockets

    def report(self, before):
        after = self.sockets(published_after=time.time())
        seconds = time.monotonic() - self.started
        say(f"done in {seconds:.1f} s: {before} sockets before, {after} after")

    def sockets(self, published_after=0.0) -> int:
        """How many WebSockets the interface servers hold, by what they publish every few seconds.

        Those of this host are waited for until each has published after that time.
        """
        from realtime.metrics import PUBLISH

        processes = len(self.supervisor.names("interface"))

        def published():
            times = [at for _, at, ours in self.reports() if ours]
            return sum(at > published_after for at in times) >= processes

        wait_until(published, PUBLISH + 3)
        return sum(sockets for sockets, _, _ in self.reports())

    def reports(self):
        """(sockets, time of publishing, whether it is of this host) of each interface server."""
        import json

        from realtime.metrics import metrics_key

        for index in range(self.layer.ring_size):
            found = self.layer.connection(index).hgetall(metrics_key(self.layer))
            for name, text in found.items():
                kind, _, place = name.decode().partition("@")
                host, _, pid = place.rpartition(":")
                ours = host == socket.gethostname()
                if kind != "interface" or (ours and not Path(f"/proc/{pid}").exists()):
                    continue
                seconds, _, snapshot = text.decode().partition(" ")
                yield json.loads(snapshot)["values"].get("sockets", 0), int(seconds), ours


if __name__ == "__main__":
    sys.exit(main())
