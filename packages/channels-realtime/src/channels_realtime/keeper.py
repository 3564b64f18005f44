"""The process that a supervisor watches while the interface server under it is replaced.

    python -m channels_realtime.keeper COMMAND [ARGUMENT ...]

runs the command, an interface server with `--takeover PATH`. On SIGHUP it starts the same command
again beside it, from the files that are there then. The new process takes over from the first one,
which ends; or it ends itself, and the first one serves on. So supervisord and systemd always see
one process with one id. Its exit code is that of the last process, and every other signal is passed
on.

It need not be replaced itself: it holds no socket, knows nothing of the command, and imports
nothing once it runs. A second SIGHUP while a new process starts changes nothing.
"""

import contextlib
import ctypes
import os
import signal
import sys

REPLACE_WITHIN = 90.0  # s in which the new process must take over or end; then it is killed
# What a supervisor or an operator may send to a server.
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
HANDLED = (*PASSED_ON, signal.SIGHUP, signal.SIGCHLD)
PR_SET_PDEATHSIG = 1  # prctl(2)
CANNOT_START = 3  # the exit code that supervisors do not restart


class Keeper:
    """Runs the command. See the module.

    Attributes:
        serving: the id of the process that serves; 0 where none runs.
        candidate: the id of the one that is to take over; 0 without one.
    """

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.serving = 0
        self.candidate = 0
        self.code = 0  # of the process that ended last

    def run(self) -> int:
        """Run until the last process has ended. Returns its exit code."""
        # Before anything is started: no signal is lost between two calls of sigtimedwait().
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self.serving = self.start()
        while self.serving:
            if self.candidate:
                found = signal.sigtimedwait(HANDLED, REPLACE_WITHIN)
            else:
                found = signal.sigwaitinfo(HANDLED)
            if found is None:
                say(f"process {self.candidate} has not taken over in {REPLACE_WITHIN:g} s: killed")
                os.kill(self.candidate, signal.SIGKILL)
            elif found.si_signo == signal.SIGCHLD:
                self.reap()
            elif found.si_signo == signal.SIGHUP:
                self.replace()
            else:
                for pid in (self.serving, self.candidate):
                    if pid:
                        os.kill(pid, found.si_signo)
        return self.code

    def replace(self) -> None:
        """Start a process that takes over."""
        if self.candidate:
            say(f"process {self.candidate} is about to take over already")
        else:
            self.candidate = self.start()

    def start(self) -> int:
        """Start the command; returns its process id."""
        sys.stdout.flush()
        keeper = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            # It must not outlive the keeper, which may be killed with -9.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            if os.getppid() == keeper:
                os.execvp(self.command[0], self.command)
        except OSError as error:
            say(f"cannot start {self.command[0]}: {error.strerror}")
        except AttributeError:  # another system than Linux
            os.execvp(self.command[0], self.command)
        finally:
            os._exit(CANNOT_START)

    def reap(self) -> None:
        """Processes have ended, possibly several for one signal."""
        while self.serving or self.candidate:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            code = os.waitstatus_to_exitcode(status)
            if pid == self.candidate:
                say(f"process {pid} has not taken over and ended with {code}")
                self.candidate = 0
            elif pid == self.serving:
                self.code = code
                if self.candidate:
                    say(f"process {self.candidate} serves in place of {pid}")
                self.serving, self.candidate = self.candidate, 0


def say(text: str) -> None:
    print(f"keeper: {text}", file=sys.stderr, flush=True)


def main() -> None:
    command = sys.argv[1:]
    if not command:
        print("usage: python -m channels_realtime.keeper COMMAND [ARGUMENT ...]", file=sys.stderr)
        sys.exit(2)
    code = Keeper(command).run()
    if code < 0:
        # It ended by a signal, and so does this process: supervisors tell the two apart.
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
