"""What a run has shown: numbers for people, and the same as JSON."""

import json
import time
from collections import Counter, defaultdict
from statistics import median

REASONS = 5  # the commonest reasons why writes were sent again


class Report:
    """Filled by the world; `text()` and `json()` say it."""

    def __init__(self, seed, readers):
        self.seed, self.readers = seed, readers
        self.started = time.monotonic()
        self.seconds = defaultdict(list)  # scenario -> seconds to converge
        self.failures = []
        self.acks, self.retries, self.counters = [], {}, {}

    def add(self, name, seconds):
        self.seconds[name].append(seconds)

    def values(self):
        every = [value for values in self.seconds.values() for value in values]
        return {
            "seed": self.seed,
            "readers": self.readers,
            "seconds": round(time.monotonic() - self.started),
            "faults": len(every),
            "acknowledged": len(self.acks),
            "acknowledged_by": dict(Counter(f"{a['via']} {a['kind']}" for a in self.acks)),
            "sent_again": sum(self.retries.values()),
            "sent_again_because": dict(Counter(self.retries).most_common(REASONS)),
            **self.counters,
            "converged": {
                name: {
                    "times": len(values),
                    "median": round(median(values), 2),
                    "worst": round(max(values), 2),
                }
                for name, values in sorted(self.seconds.items())
            },
            "median": round(median(every), 2) if every else None,
            "worst": round(max(every), 2) if every else None,
            "failures": self.failures,
        }

    def json(self):
        return json.dumps(self.values(), indent=2)

    def text(self):
        values = self.values()
        converged, failures = values.pop("converged"), values.pop("failures")
        lines = [f"{name:>16}  {value}" for name, value in values.items()]
        lines += ["", f"{'times':>6} {'median':>7} {'worst':>7}  seconds to converge after"]
        for name, row in converged.items():
            lines.append(f"{row['times']:6} {row['median']:7.2f} {row['worst']:7.2f}  {name}")
        lines += [f"FAILED {failure}" for failure in failures]
        return "\n".join(lines)
