"""What this process takes of its machine, from proc(5)."""

import os
import resource
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc/self")
PAGE = resource.getpagesize()


def process_values() -> dict[str, float]:
    """Memory, open files, their limit and the time of the start; empty where there is no /proc."""
    values: dict[str, float] = {}
    with suppress(OSError, ValueError, IndexError):
        values["memory_bytes"] = int((PROC / "statm").read_text().split()[1]) * PAGE
        values["open_files"] = open_files()
        values["open_files_limit"] = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        values["start_time_seconds"] = round(STARTED, 2)
    return values


def open_files() -> int:
    """Their number. Linux 6.2 has it as the folder's size; before, they must be listed."""
    folder = PROC / "fd"
    return folder.stat().st_size or len(os.listdir(folder))


def start_time() -> float:
    """When the process started, in s since 1970."""
    with suppress(OSError, ValueError, IndexError):
        # Behind the name in brackets, which may contain spaces, it is the 20th: proc(5), stat.
        ticks = int((PROC / "stat").read_text().rpartition(")")[2].split()[19])
        booted = Path("/proc/stat").read_text().partition("btime ")[2].split()[0]
        return int(booted) + ticks / os.sysconf("SC_CLK_TCK")
    return 0.0


STARTED = start_time()
