"""The watcher watches the worker that started it, and no other process."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from harness.process import runs
from harness.waiting import PATIENCE, wait_until

# A worker that dies while its watcher starts, on a Python that takes a second for it.
WORKER = """
import os, sys
from channels_realtime.worker.activity import Activity
from channels_realtime.worker.timeouts import ConsumerTimeouts
from channels_realtime.worker.watchdog import Watchdog
watchdog = Watchdog(Activity(["websocket.receive"], 1, ConsumerTimeouts(3600)), "default")
sys.executable = sys.argv[1]
watchdog.start_watcher()
print(watchdog.watcher.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_watcher_whose_worker_is_gone_before_it_runs_ends(tmp_path):
    """It would take the process that adopts it for its worker: supervisord, or process 1."""
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 1\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, slow],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},  # of its settings
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent,  # from which Python imports the settings
    )
    with worker:
        watcher = int(worker.stdout.readline())
        assert worker.wait(PATIENCE) == -signal.SIGKILL
        try:
            wait_until(lambda: not runs(watcher), "the end of the watcher", patience=20)
        finally:
            with suppress(ProcessLookupError):
                os.kill(watcher, signal.SIGKILL)
