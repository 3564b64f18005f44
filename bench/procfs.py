"""CPU time and memory of other processes, by the kernel's own account (Linux)."""

import os
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and all its descendants that live, as pids."""
    pids = [pid]
    for parent in pids:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                pids += map(int, children.read_text().split())
            except OSError:
                continue  # the thread ended between the listing and the reading
    return pids


def cpu_seconds(pid):
    """User and system time of the process, all its threads included, in seconds.

    The process's CPU clock tells nanoseconds; /proc/<pid>/stat has the same sum in ticks of 10 ms,
    too coarse for the fastest servers here, and stands in where the kernel refuses the clock.
    """
    try:
        return time.clock_gettime(process_clock(pid))
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def command(pid):
    """The process's command line, in words; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def process_clock(pid):
    """The clock id of a process's CPU time, as the C library's clock_getcpuclockid makes it."""
    return (~pid << 3) | 2


def memory_kib(pid):
    """Proportional set size in KiB: private pages, and a fair share of the shared ones."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/smaps_rollup has no Pss")
