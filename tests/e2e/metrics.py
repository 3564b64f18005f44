"""/metrics of the whole product."""

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.stack import Stack


def families(stack: Stack) -> Iterator[Metric]:
    yield from text_string_to_metric_families(stack.get("/metrics").read().decode())


def samples(stack: Stack) -> dict[tuple[str, ...], float]:
    """(name, labels) -> value; the label `process` is reduced to its kind."""
    found: dict[tuple[str, ...], float] = {}
    for family in families(stack):
        for sample in family.samples:
            labels = dict(sample.labels)
            labels["process"] = labels.get("process", "").partition("@")[0]
            key = (sample.name, *sorted(label for label in labels.values() if label))
            found[key] = found.get(key, 0) + sample.value
    return found


def counts(stack: Stack, name: str) -> dict[str, float]:
    """process -> value of the counter."""
    found = [sample for family in families(stack) for sample in family.samples]
    return {each.labels["process"]: each.value for each in found if each.name == name}


def increase(stack: Stack, name: str) -> Callable[[], float]:
    """How much the counter grows from now on, over all processes.

    Their sum alone would shrink when a process that an earlier test has killed is forgotten.
    """
    before = counts(stack, name)

    def grown() -> float:
        now = counts(stack, name)
        return sum(value - before.get(process, 0) for process, value in now.items())

    return grown
