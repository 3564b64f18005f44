"""Runs `launch.py MODULE_OR_SCRIPT_OR_PATH …` in this process, as a part of the process tree.

In the tree a process ends with its parent, even if that is killed with -9, so that no process is
left that holds the port. Started by hand it outlives the shell, like any program.

supervisord evaluates the exit code only of a program that ran for `startsecs`; one that ends
earlier is started again after a growing delay, four times at most
(http://supervisord.org/subprocess.html#process-states). Here every program runs that long, so exit
codes 2 (a wrong setting) and 3 (cannot listen) stop it at once. A program that fails for another
reason, which may be temporary, is started again every second or two without end.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import time

STARTSECS = 1.0  # s; supervisord.conf: startsecs
PR_SET_PDEATHSIG = 1  # prctl(2); it outlives an exec
PR_SET_CHILD_SUBREAPER = 36
SUPERVISED = "SUPERVISOR_ENABLED" in os.environ

started = time.monotonic()


def outlive_a_full_disk() -> None:
    """Let supervisord drop log lines that it cannot write.

    Otherwise it prints a traceback for each to its standard error, a file on the same disk. That
    write fails too, and ends supervisord or closes the output of the process that wrote the line.
    """
    from supervisor import loggers

    roll_over = loggers.RotatingFileHandler.doRollover

    def do_rollover(handler: loggers.RotatingFileHandler) -> None:
        with contextlib.suppress(OSError):
            roll_over(handler)

    loggers.Handler.handleError = lambda handler: None
    loggers.RotatingFileHandler.doRollover = do_rollover


def warn_of_no_missing_password() -> None:
    """Drop supervisord's warning, which would be the first line on the terminal.

    Its socket needs no password: only the user who runs the site can open it (supervisord.conf).
    """
    from supervisor import loggers

    critical = loggers.Logger.critical

    def without_warning(logger: loggers.Logger, message: str, **values: object) -> None:
        if "without any HTTP authentication" not in message:
            critical(logger, message, **values)

    loggers.Logger.critical = without_warning


def main() -> None:
    program = sys.argv[1]
    is_child = SUPERVISED or program == "supervisor.supervisord"
    if is_child and sys.platform == "linux":  # no other system has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if program == "supervisor.supervisord":
            # supervisord reaps orphaned processes: in a container there is no init that does.
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    if program == "supervisor.supervisord":
        outlive_a_full_disk()
        warn_of_no_missing_password()
    sys.argv = sys.argv[1:]
    sys.path[0] = os.getcwd()
    try:
        if program.endswith(".py"):
            runpy.run_path(program, run_name="__main__")
        elif program.startswith("/"):
            os.execv(program, sys.argv)
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    finally:
        if SUPERVISED:
            sys.stderr.flush()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # Half a second more: supervisord has counted from before this module was loaded.
            time.sleep(max(0.0, started + STARTSECS + 0.5 - time.monotonic()))


if __name__ == "__main__":
    main()
