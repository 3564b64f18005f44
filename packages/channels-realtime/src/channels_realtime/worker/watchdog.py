"""Starts a small process, worker.watcher, that kills this worker when one of its consumers hangs.

It has to be another process: a consumer may be stuck in code that lets no other thread run, and
the whole process may be stopped.
"""

import faulthandler
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings

from channels_realtime.worker.activity import Activity

logger = logging.getLogger("channels_realtime.watchdog")

BEAT = 1.0  # s between two signs of life
RESTART = 10.0  # s between two starts of the watcher, should it end at once each time
# faulthandler writes the stacks on this signal. Projects use SIGUSR1 and SIGUSR2 themselves.
WRITE_STACKS = getattr(signal, "SIGRTMIN", signal.SIGUSR2)


class Watchdog:
    """Watches the worker process that makes it while the context lasts, if there is any limit.

    `alias`: the name of the worker's channel layer in the settings.
    """

    def __init__(self, activity: Activity, alias: str) -> None:
        self.activity = activity
        self.alias = alias
        self.limits = [activity.silence, *(channel.limit for channel in activity.channels)]
        self.watcher: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        self.started = float("-inf")

    def __enter__(self) -> None:
        if not any(self.limits):
            return
        faulthandler.register(WRITE_STACKS, self.activity.descriptor, all_threads=True)
        if os.getpid() == 1:
            logger.warning(
                "CONSUMER_TIMEOUT has no effect: the worker is process 1 of its container, which"
                " no other process there can kill. Start it under an init (docker run --init)."
            )
        self.start_watcher()
        self.thread = threading.Thread(target=self.beat, name="watchdog", daemon=True)
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        if self.watcher is None:
            return
        self.stopping.set()
        self.thread.join()
        self.watcher.kill()
        self.watcher.wait()
        faulthandler.unregister(WRITE_STACKS)

    def start_watcher(self) -> None:
        self.started = time.monotonic()
        script = Path(__file__).with_name("watcher.py")
        signals = (WRITE_STACKS, signal.SIGTERM, signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL)
        self.watcher = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", script),
                str(os.getpid()),
                str(self.activity.descriptor),
                str(len(self.activity.slots)),
                ",".join(str(int(number)) for number in signals),
                ",".join(f"{limit:g}" for limit in self.limits),
                ",".join(channel.name for channel in self.activity.channels),
                ",".join(str(int(channel.is_acknowledged)) for channel in self.activity.channels),
                self.alias,
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=[self.activity.descriptor],
            # What channels_realtime.worker.postmortem needs to load the project's settings.
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "DJANGO_SETTINGS_MODULE": getattr(settings, "SETTINGS_MODULE", None) or "",
            },
        )

    def beat(self) -> None:
        """Give signs of life; start the watcher again if it has ended."""
        assert self.watcher is not None
        shortest = min(filter(None, self.limits))
        while not self.stopping.wait(min(BEAT, shortest / 4)):
            self.activity.beat()
            if self.watcher.poll() is None or time.monotonic() < self.started + RESTART:
                continue
            logger.error("The watcher of this worker has ended; starting another.")
            self.start_watcher()
