"""Counters of one process."""

from collections import Counter


class Metrics:
    """Counts since the process started. `values`: name -> number; `drops`: reason -> number."""

    def __init__(self):
        self.values = Counter()
        self.drops = Counter()
        self.times = {}

    def count(self, name, number=1):
        self.values[name] += number

    def drop(self, reason, number=1):
        self.drops[reason] += number

    def time(self, name, label, seconds):
        """Add one duration to the sum and number under (name, label)."""
        total = self.times.setdefault((name, label), [0, 0.0])
        total[0] += 1
        total[1] += seconds
