"""Child processes: started in a group of their own, watched, and ended whatever happens."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections import deque

from bench import net, procfs
from bench.errors import ProcessFailed

START_TIMEOUT = 60.0
# 10 s: a graceful drain; bench closes its sockets first, so nobody needs longer.
STOP_TIMEOUT = 10.0
LOG_LINES = 30

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}

# Every process that was started and not yet stopped; what a stopped run left over is in here.
running = set()


def end_with_parent():
    """Runs in the child: a benchmark that is killed outright takes its servers along."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def undisturbed():
    """Hold Ctrl-C back while a process is started but not yet known to `running`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_all():
    """End whatever is still running."""
    for process in list(running):
        process.stop()


class Process:
    """A server, worker or helper. Its output is kept (the last lines) for error sentences."""

    def __init__(self, name, command, *, cwd=None, env=None, pipes=False):
        self.name = name
        self.log = deque(maxlen=LOG_LINES)
        with undisturbed():
            self.popen = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env=os.environ | (env or {}),
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if pipes else subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches only the benchmark, which ends its children.
                process_group=0,
                preexec_fn=end_with_parent,
            )
            log_stream = self.popen.stderr if pipes else self.popen.stdout
            self.reader = threading.Thread(target=self._keep_log, args=(log_stream,), daemon=True)
            self.reader.start()
            running.add(self)

    def _keep_log(self, stream):
        for line in stream:
            self.log.append(line.decode(errors="replace").rstrip())

    def fail(self, problem):
        """Return the error that says what went wrong with this process."""
        if self.popen.poll() is not None:
            self.reader.join(1)
        return ProcessFailed(self.name, problem, list(self.log))

    def wait_listening(self, port):
        """Return when the process accepts connections on the port; raises ProcessFailed."""
        deadline = time.monotonic() + START_TIMEOUT
        while not net.is_listening(port):
            self.check_alive()
            if time.monotonic() > deadline:
                raise self.fail(f"did not listen on port {port} within {START_TIMEOUT:.0f} s")
            time.sleep(0.02)
        self.check_alive()

    def check_alive(self):
        """Raise ProcessFailed when the process has ended."""
        status = self.popen.poll()
        if status is not None:
            raise self.fail(f"ended with status {status}")

    def pids(self):
        """The process and its descendants."""
        return procfs.tree(self.popen.pid)

    def cpu_seconds(self):
        """CPU time of the process and its living descendants, in seconds."""
        return sum(procfs.cpu_seconds(pid) for pid in self.pids())

    def memory_kib(self):
        """Proportional set size of the process and its living descendants, in KiB."""
        return sum(procfs.memory_kib(pid) for pid in self.pids())

    def stop(self):
        """End the process: SIGTERM, then SIGKILL to what is left of its group."""
        left = []
        if self.popen.poll() is None:
            # Descendants may be in groups of their own, as those of a supervisor are.
            left = self.pids()[1:]
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.popen.wait()
        running.discard(self)
        self.reader.join(1)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
