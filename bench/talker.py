"""A helper process that is spoken to: a line to its stdin, a JSON line from its stdout."""

import json
import select
import sys
import time

from bench.process import Process


def module(name, *arguments, python=sys.executable):
    """The command that runs a Python module."""
    return [python, "-m", name, *arguments]


class Talker(Process):
    """A load client or a publisher."""

    def __init__(self, name, command, *, cwd=None, env=None):
        super().__init__(name, command, cwd=cwd, env=env, pipes=True)
        self.received = b""

    def ask(self, line, timeout):
        """Send one line, return the answer."""
        self.tell(line)
        return self.answer(timeout)

    def tell(self, line):
        """Send one line, whose answer is taken later by `answer`."""
        try:
            self.popen.stdin.write(line.encode() + b"\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise self.fail("ended before its work was done") from None

    def answer(self, timeout):
        """Return the next JSON answer; raises ProcessFailed after `timeout` seconds without one."""
        deadline = time.monotonic() + timeout
        stdout = self.popen.stdout
        while b"\n" not in self.received:
            ready, _, _ = select.select([stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise self.fail(f"gave no answer within {timeout:.0f} s")
            data = stdout.read1(65536)
            if not data:
                self.popen.wait(5)
                raise self.fail("ended before its work was done")
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line)
