"""The watcher: a small process beside a worker that kills it when it hangs.

worker.watchdog starts it as a script, `python -I -S watcher.py ...`. It imports next to nothing,
to take less than 3 MB of memory; logging and counting is done by worker.postmortem, which it
starts when there is something to report.

It reads the memory that worker.activity describes. Time counts against the worker only while the
watcher runs as well, so that a machine that was suspended, a container that was paused or Ctrl-Z
kills no worker.
"""

import os
import sys
import time

TYPE_CHECKING = False  # typing.TYPE_CHECKING, without importing typing
if TYPE_CHECKING:
    from collections.abc import Sequence

CELL, CELLS = 8, 3  # as in channels_realtime.worker.activity, which is too large to be imported
STACKS_WITHIN = 2.0  # s for the worker to write its stacks; it takes milliseconds
STACKS_PAUSE = 0.1  # s without another byte: the stacks are complete
REPORT_WITHIN = 30.0  # s for the log; loading the project's settings takes 1 on an idle machine
END_WITHIN = 10.0  # s for an idle worker that was stopped to handle what Redis gave it, and to end
STOPPED = ("T", "t")  # proc(5): by a signal, by a debugger


class Watcher:
    """Watches `worker`, which must be the parent of this process.

    `arguments`: a descriptor of the memory, the number of threads, five signals, the limits in
    seconds of the process and of each channel (0: none), then what only the report needs.
    """

    def __init__(self, worker: int, arguments: "Sequence[str]") -> None:
        # Not os.getppid(): where the worker has just died, another process has adopted this one.
        self.worker = worker
        self.arguments = arguments
        self.memory, threads = map(int, arguments[:2])
        self.stacks, self.end, self.stop, self.go_on, self.kill = map(int, arguments[2].split(","))
        self.silence, *self.limits = map(float, arguments[3].split(","))
        self.places = range(1, 1 + CELLS * threads, CELLS)  # 0: the sign of life
        self.size = CELL * (1 + CELLS * threads)
        self.seen: dict[int, float] = {}  # place -> what was read there last
        self.waited: dict[int, float] = {}  # place -> for how many seconds it has been that
        shortest = min(limit for limit in (self.silence, *self.limits) if limit)
        self.tick = min(1.0, shortest / 4)

    def run(self) -> None:
        """Watch until the worker has ended."""
        last = time.monotonic()
        while self.lives():
            try:
                time.sleep(self.tick)
                if not self.lives():
                    return
                now = time.monotonic()
                # More than two ticks: this process did not run either.
                self.look(min(now - last, 2 * self.tick))
                last = now
            except KeyboardInterrupt:
                pass  # Ctrl-C in a terminal reaches both; the worker decides when it ends

    def lives(self) -> bool:
        return os.getppid() == self.worker

    def look(self, passed: float) -> None:
        cells = self.read()
        busy = [place for place in self.places if cells[place]]
        for place in (0, *self.places):
            if self.seen.get(place) == cells[place]:
                self.waited[place] += passed
            else:
                self.seen[place], self.waited[place] = cells[place], 0.0
        for place in busy:
            limit = self.limits[int(cells[place + 1])]
            if limit and self.waited[place] >= limit:
                self.end_hung(place)
                return
        if self.silence and self.waited[0] >= self.silence:
            if busy:
                self.end_hung(0)
            else:
                self.end_silent()

    def read(self) -> "memoryview[float]":
        return memoryview(os.pread(self.memory, self.size, 0)).cast("d")

    def end_hung(self, place: int) -> None:
        """Kill the worker. It is stopped before, so that the report says what really is lost."""
        state = self.state()
        if state not in STOPPED:
            self.write_stacks()
        self.send(self.stop)
        if self.read()[place] != self.seen[place]:
            self.send(self.go_on)  # it has just finished
            return
        # Before the end: supervisord closes the worker's output with it.
        self.report("hung", place, state)
        self.send(self.kill)
        self.wait_for_end()

    def end_silent(self) -> None:
        """End a worker that handles nothing and does not run.

        Redis may have given it a message meanwhile, so a worker that was stopped gets SIGTERM and
        SIGCONT, and may finish the message.
        """
        state = self.state()
        self.report("silent", 0, state)
        self.send(self.end)
        self.send(self.go_on)
        if not self.wait_for_end(END_WITHIN):
            self.write_stacks()
            self.report("still silent", 0, state)
            self.send(self.kill)
            self.wait_for_end()

    def write_stacks(self) -> None:
        """Have faulthandler append the stacks of all threads to the file of the memory."""
        before = size = os.fstat(self.memory).st_size
        self.send(self.stacks)
        begin = changed = time.monotonic()
        while time.monotonic() < begin + STACKS_WITHIN:
            time.sleep(0.01)
            found = os.fstat(self.memory).st_size
            if found != size:
                size, changed = found, time.monotonic()
            elif size != before and time.monotonic() > changed + STACKS_PAUSE:
                return

    def state(self) -> str:
        """The kernel's letter for what the worker does (proc(5))."""
        try:
            with open(f"/proc/{self.worker}/stat", "rb") as status:
                return status.read().rpartition(b")")[2].split()[0].decode()
        except OSError:
            return "?"

    def send(self, signum: int) -> None:
        # The parent's number belongs to no other process as long as it is the parent's.
        if self.lives():
            os.kill(self.worker, signum)

    def wait_for_end(self, within: float = float("inf")) -> bool:
        """Whether the worker ends; a killed one may be held in a system call for long."""
        deadline = time.monotonic() + within
        while self.lives() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.lives()

    def report(self, event: str, place: int, state: str) -> None:
        """Run channels_realtime.worker.postmortem until it has logged what happened."""
        waited = f"{self.waited[place]:.1f}"
        facts = [event, str(self.worker), str(place), waited, state]
        command = [
            sys.executable,
            "-m",
            "channels_realtime.worker.postmortem",
            *facts,
            *self.arguments,
        ]
        program = os.posix_spawn(sys.executable, command, os.environ)
        deadline = time.monotonic() + REPORT_WITHIN
        while os.waitpid(program, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(program, self.kill)
                os.waitpid(program, 0)
                return
            time.sleep(0.02)


if __name__ == "__main__":
    Watcher(int(sys.argv[1]), sys.argv[2:]).run()
