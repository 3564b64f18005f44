"""Which faults come in which order: drawn from the seed."""

import random
from collections.abc import Iterator
from itertools import zip_longest

from tests.chaos.scenarios import LINES, PROCESSES, SCENARIOS

TWO_AT_ONCE = 0.3  # how often


def each_once(seed) -> list[tuple[str, ...]]:
    """All scenarios, shuffled: a process and a line are hurt at once, as time is short."""
    generator = random.Random(seed)
    kinds = [sorted(LINES), sorted(PROCESSES)]
    for names in kinds:
        generator.shuffle(names)
    return [tuple(filter(None, names)) for names in zip_longest(*kinds)]


def endless(seed) -> Iterator[tuple[str, ...]]:
    """Rounds of all scenarios one by one, and two at once between them."""
    generator = random.Random(seed)
    while True:
        names = sorted(SCENARIOS)
        generator.shuffle(names)
        for name in names:
            yield (name,)
            if generator.random() < TWO_AT_ONCE:
                yield generator.choice(sorted(LINES)), generator.choice(sorted(PROCESSES))
