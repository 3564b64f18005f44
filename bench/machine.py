"""Where a run took place, as far as it matters to its figures."""

import datetime
import os
import platform
from pathlib import Path


def describe():
    """Processor, cores, kernel, Python, date; nothing that names the host."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def processor():
    """The processor's model name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
