"""Runs `launch.py MODULE_OR_SCRIPT_OR_PATH …` in this process, as a part of the tree.

In the tree it ends with the process that started it, even if that is killed -9: nobody is left
behind who holds the port. Started by hand it outlives the shell, as any program.

supervisord looks at the exit code only of a program that ran for `startsecs`; one that ends earlier
is started again after a growing delay, and given up after the fourth time
(http://supervisord.org/subprocess.html#process-states). Here every program stays that long. So 2
(a wrong setting) and 3 (cannot listen) end it at once, and one that fails for another reason, which
may pass, is started again every second or two for as long as it takes.
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
    """Have supervisord lose log lines that it cannot write.

    It would print a traceback about each to its standard error, a file on the same disk, whose
    failure ends supervisord itself, or closes the output of the process that wrote the line.
    """
    from supervisor import loggers

    roll_over = loggers.RotatingFileHandler.doRollover

    def do_rollover(handler: loggers.RotatingFileHandler) -> None:
        with contextlib.suppress(OSError):
            roll_over(handler)

    loggers.Handler.handleError = lambda handler: None
    loggers.RotatingFileHandler.doRollover = do_rollover


def main() -> None:
    program = sys.argv[1]
    is_child = SUPERVISED or program == "supervisor.supervisord"
    if is_child and sys.platform == "linux":  # no other system has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if program == "supervisor.supervisord":
            # supervisord collects what its processes leave behind: in a container nobody else does.
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    if program == "supervisor.supervisord":
        outlive_a_full_disk()
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
            # Half a second more: supervisord's clock began before this module was loaded.
            time.sleep(max(0.0, started + STARTSECS + 0.5 - time.monotonic()))


if __name__ == "__main__":
    main()
