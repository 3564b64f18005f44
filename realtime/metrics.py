"""Counters of one process."""

from collections import Counter


class Metrics:
    """Counts since the process started. `values`: name -> number; `drops`: reason -> number."""

    def __init__(self):
        self.values = Counter()
        self.drops = Counter()

    def count(self, name, number=1):
        self.values[name] += number

    def drop(self, reason, number=1):
        self.drops[reason] += number
