"""The run as Markdown: the figures, and which targets they reach."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench import product
from bench.crowds import idle, jitter, large
from bench.metrics import Metric
from bench.results import Results, Summary, ratio
from bench.scenarios import BY_HAND, SCENARIOS, WAYS

OURS = "ours"


@dataclass(frozen=True)
class Target:
    """What ours must reach in `scenario.metric`: a figure, or a ratio `against` a peer's.

    Ratios count most: absolute figures drift with the machine.
    """

    what: str
    scenario: str
    metric: str
    sense: str  # "<=", "<", ">="
    limit: float
    against: str | None = None
    unit: str = ""


TARGETS = (
    Target("delivered, closed loop", "broadcast", "delivered", ">=", 100, unit="%"),
    Target("delivered, burst", "burst", "delivered", ">=", 100, unit="%"),
    Target("delivered, largest crowd", "crowd", "delivered", ">=", 100, unit="%"),
    Target("server CPU per delivery, closed loop", "broadcast", "server_cpu", "<=", 1.0, "nchan"),
    Target("server CPU per delivery, burst", "burst", "server_cpu", "<=", 1.0, "nchan"),
    Target("last reader of a broadcast", "broadcast", "last_reader", "<=", 1.0, "node-ws"),
    Target("handshakes/s", "handshake", "rate", ">=", 1.0, "channels4-uvicorn"),
    Target("CPU per handshake, whole stack", "handshake", "cpu", "<=", 1.0, "channels4-uvicorn"),
    Target("memory per socket", "memory", "socket", "<=", 10, unit="KiB"),
    Target("echo round trips/s", "echo", "rate", ">=", 1.0, "channels4-uvicorn"),
    Target("plain HTTP view, requests/s", "http", "rate", ">=", 1.5, "channels4-daphne"),
    Target("reader page against a static file", "page", "plain_ratio", ">=", 0.8, unit="×"),
    Target("the same page, compressed", "page", "gzip_rate", ">=", 10_000, unit="/s"),
    Target("herd: the last is live again", "herd", "last_back", "<=", 2.5, unit="s"),
    Target("handshakes/s, equal ones", "handshake", "rate", ">=", 5000, unit="/s"),
    Target("idle crowd, CPU per socket and s", "idle-crowd", "large_cpu", "<=", 2.2, unit="µs"),
    Target("CPU per handshake as a crowd grows", "large-crowd", "flat", "<=", 1.3, unit="×"),
    Target("largest crowd held, delivered", "large-crowd", "hold_delivered", ">=", 100, unit="%"),
    Target("largest crowd held, last reader", "large-crowd", "hold_worst", "<=", 2000, unit="ms"),
    Target("largest crowd held, sockets lost", "large-crowd", "hold_lost", "<=", 0),
    Target("jitter, received", "jitter", "received", ">=", 100, unit="%"),
    Target("jitter, replay, 99th percentile", "jitter", "replay_p99", "<=", 3, unit="s"),
    Target("idle stack, CPU", "idle", "cpu", "<", 1, unit="% of a core"),
    Target("idle stack, Redis commands/s", "idle", "redis_commands", "<", 5),
)


class Verdict(NamedTuple):
    """A target and what was measured; None in place of what was not."""

    ours: Summary | None
    theirs: Summary | None
    figure: float | None  # the ratio of the medians, or the median of ours alone
    is_reached: bool | None


def judge(target: Target, results: Results) -> Verdict:
    """Whether the target is reached."""
    ours = results.summary(OURS, target.scenario, target.metric)
    theirs = None
    if target.against:
        theirs = results.summary(target.against, target.scenario, target.metric)
    if ours is None or (target.against and theirs is None):
        return Verdict(ours, theirs, None, None)
    figure = ratio(ours.median, theirs.median) if theirs else ours.median
    return Verdict(ours, theirs, figure, reached(figure, target.sense, target.limit))


def reached(figure: float, sense: str, limit: float) -> bool:
    """Whether `figure sense limit` holds."""
    if sense == ">=":
        return figure >= limit
    return figure <= limit if sense == "<=" else figure < limit


class Column(NamedTuple):
    """A column of the main table."""

    heading: str
    scenario: str
    metric: str


COLUMNS = (
    Column("delivered, %", "broadcast", "delivered"),
    Column("last reader, ms", "broadcast", "last_reader"),
    Column("CPU per delivery, µs", "broadcast", "server_cpu"),
    Column("burst deliveries/s", "burst", "rate"),
    Column("burst delivered, %", "burst", "delivered"),
    Column("burst CPU per delivery, µs", "burst", "server_cpu"),
    Column("handshakes/s", "handshake", "rate"),
    Column("CPU per handshake, ms", "handshake", "cpu"),
    Column("KiB per socket", "memory", "socket"),
    Column("echo round trips/s", "echo", "rate"),
    Column("plain view, requests/s", "http", "rate"),
    Column("idle CPU, %", "idle", "cpu"),
    Column("idle Redis commands/s", "idle", "redis_commands"),
)
SIGNS = {"<=": "≤", "<": "<", ">=": "≥"}
RATIOS_AGAINST = ("nchan", "node-ws", "channels4-uvicorn", "channels4-daphne")


def markdown(results: Results) -> str:
    """The whole report."""
    parts = [
        "# Benchmark",
        introduction(results.about),
        "## Measured",
        "Median of the repetitions, (lowest–highest) below it.",
        measured_table(results),
        "## Ours against each peer",
        "Median of ours divided by the peer's.",
        ratio_table(results),
        "## Targets",
        target_table(results),
        "## Largest crowd",
        crowd_table(results),
        *by_hand_part(results),
        *page_part(results),
        *herd_part(results),
        *idle_part(results),
        *large_part(results),
        *jitter_part(results),
        "## Versions",
        versions(results),
    ]
    if results.errors:
        parts += ["## What failed", failures(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def introduction(about: dict[str, Any]) -> str:
    """Where and how the run was made."""
    plan = about["plan"]
    times = plan["repetitions"]
    repeated = "one repetition" if times == 1 else f"{times} repetitions"
    return (
        f"{about['date']}, {about['cores']} cores ({about['processor']}), {about['system']}, "
        f"Python {about['python']}; {repeated}{', a quick look' if about['quick'] else ''}. "
        f"{plan['readers']:,} readers, messages of {plan['payload_size']} bytes, bursts of up to "
        f"{plan['burst_messages']}, a largest crowd of {plan['crowd_readers']:,}, "
        f"{plan['echo_clients']} echo clients, {plan['http_connections']} HTTP connections.\n\n"
        "CPU per delivery is the server process's own (user and system); CPU per handshake is that "
        "of server, worker and Redis together. The load client shares the cores, so CPU figures "
        "hold better than times; in a burst it looks at its sockets every "
        f"{1e3 * plan['pace']:g} ms." + "".join(map(later_run, about.get("later", [])))
    )


def later_run(run: dict[str, Any]) -> str:
    """A paragraph about a run that has replaced a part of the figures."""
    times = run["repetitions"]
    repeated = "one repetition" if times == 1 else f"{times} repetitions"
    kind = f"{repeated}{', a quick look' if run['quick'] else ''}"
    return f"\n\nMeasured on {run['date']} ({kind}): {', '.join(run['measured'])}."


def number(value: float, digits: int) -> str:
    """A number for a person: thousands apart."""
    return f"{value:,.{digits}f}"


def metric_of(scenario: str, key: str) -> Metric:
    return next(metric for metric in SCENARIOS[scenario].metrics if metric.key == key)


def cell(results: Results, system: str, scenario: str, key: str) -> str:
    """Median and spread of a figure; a dash when there is none."""
    summary = results.summary(system, scenario, key)
    if summary is None:
        return "–"
    digits = metric_of(scenario, key).digits
    median, low, high = (number(value, digits) for value in summary)
    return median if low == high else f"{median}<br>({low}–{high})"


def table(headings: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured_table(results: Results) -> str:
    """One row per system, one column per figure that any of them has."""
    columns = [
        column
        for column in COLUMNS
        if any(results.summary(name, column.scenario, column.metric) for name in results.systems)
    ]
    rows = [
        [about["title"], *(cell(results, name, each.scenario, each.metric) for each in columns)]
        for name, about in results.systems.items()
        if any(results.summary(name, each.scenario, each.metric) for each in columns)
    ]
    return table(["system", *(column.heading for column in columns)], rows)


def ratio_table(results: Results) -> str:
    """Ours divided by each peer, figure by figure."""
    peers = [name for name in RATIOS_AGAINST if name in results.systems]
    rows = []
    for heading, scenario, metric in COLUMNS:
        ours = results.summary(OURS, scenario, metric)
        if ours is None or not peers:
            continue
        cells = []
        for peer in peers:
            theirs = results.summary(peer, scenario, metric)
            known = theirs is not None and theirs.median
            cells.append(f"{ours.median / theirs.median:.2f} ×" if known else "–")
        rows.append([heading, *cells])
    return table(["ours /", *peers], rows)


def target_table(results: Results) -> str:
    """Each target with its verdict; those of which nothing was measured say so."""
    rows = []
    for target in TARGETS:
        verdict = judge(target, results)
        digits = metric_of(target.scenario, target.metric).digits
        limit = f"{SIGNS[target.sense]} {target.limit:g}"
        limit += f" × {target.against}" if target.against else f" {target.unit}".rstrip()
        if verdict.figure is None:
            shown, reached = "–", "not measured"
        else:
            shown = number(verdict.figure, digits)
            if target.against:
                shown = f"{verdict.figure:.2f} ×"
            reached = "yes" if verdict.is_reached else "**no**"
        medians = [
            "–" if each is None else number(each.median, digits)
            for each in (verdict.ours, verdict.theirs)
        ]
        rows.append([target.what, *medians, shown, limit, reached])
    return table(["what", "ours", "peer", "counts", "target", "reached"], rows)


def crowd_table(results: Results) -> str:
    """The largest crowd, for those who had to carry it."""
    return systems_table(results, "crowd", "delivered")


def systems_table(results: Results, scenario: str, proof: str) -> str:
    """All figures of a scenario, one row per system that has the metric `proof`."""
    metrics = SCENARIOS[scenario].metrics
    rows = [
        [about["title"], *(cell(results, name, scenario, metric.key) for metric in metrics)]
        for name, about in results.systems.items()
        if results.summary(name, scenario, proof)
    ]
    return table(["system", *(metric.heading for metric in metrics)], rows)


def part(heading: str, what: str, measured: str) -> list[str]:
    """A part of the report; empty where nothing was measured."""
    return [f"## {heading}", what, measured] if measured else []


def row_each(
    results: Results, scenario: str, titles: dict[str, str], metrics: Sequence[Metric]
) -> list[list[str]]:
    """A row for each way in which a scenario of ours was measured."""
    rows = []
    for key, title in titles.items():
        cells = [cell(results, OURS, scenario, f"{key}_{each.key}") for each in metrics]
        if set(cells) != {"–"}:
            rows.append([title, *cells])
    return rows


def by_hand_part(results: Results) -> list[str]:
    """The same conversation with a Group and with a loop."""
    titles = {key: way.title for key, way in WAYS.items()}
    rows = row_each(results, "by-hand", titles, BY_HAND)
    readers = results.about["plan"]["readers"]
    what = "This live blog's `/channel/test/` and `/channel/by-hand/`: one of "
    what += f"{readers:,} readers sends, all get it."
    headings = ["sent with", *(metric.heading for metric in BY_HAND)]
    return part("Group and the loop by hand", what, table(headings, rows))


def page_part(results: Results) -> list[str]:
    """The reader's page from nginx's cache."""
    titles = {key: title for key, (title, _) in product.WAYS.items()}
    rows = row_each(results, "page", titles, product.PAGE_FIGURES)
    headings = ["asked for", *(metric.heading for metric in product.PAGE_FIGURES)]
    what = (
        "The page with 50 posts from the cache, and its bytes as a static file of the same nginx."
    )
    return part("The reader's page through nginx", what, table(headings, rows))


def herd_part(results: Results) -> list[str]:
    """The herd, a row a figure."""
    what = (
        f"{results.about['plan']['herd_readers']:,} readers of one interface server that is "
        "killed -9; their pages come back by themselves, through nginx."
    )
    measured = figures_table(results, "herd", product.HERD_METRICS)
    return part("A herd after a kill -9", what, measured)


def figures_table(results: Results, scenario: str, metrics: Sequence[Metric]) -> str:
    """Figures of ours alone, one row per figure."""
    rows = [
        [metric.heading, cell(results, OURS, scenario, metric.key)]
        for metric in metrics
        if results.summary(OURS, scenario, metric.key)
    ]
    return table(["figure", "this live blog"], rows)


def idle_part(results: Results) -> list[str]:
    """Silent sockets on one process."""
    titles = {size: f"{size} crowd" for size in idle.SIZES}
    rows = row_each(results, "idle-crowd", titles, idle.IDLE_FIGURES)
    empty = cell(results, OURS, "idle-crowd", "empty_server")
    what = (
        "Silent sockets on one interface process, with the pulse going, measured from one pulse to "
        "another, at least 50 s later. CPU is user and system time. Without sockets the process "
        f"takes {empty} % of a core, which is included."
    )
    headings = ["", *(metric.heading for metric in idle.IDLE_FIGURES)]
    return part("An idle crowd", what, table(headings, rows))


def large_part(results: Results) -> list[str]:
    """The largest crowd on several interface processes: as it grows, and as it is held."""
    titles = {step: step for step in large.STEPS}
    rows = row_each(results, "large-crowd", titles, large.STEP_FIGURES)
    what = (
        "One crowd that grows, spread over several interface processes with one load client each. "
        "CPU per handshake is of those who came with the step, while the others were there. Slab "
        "and TCP buffers are the kernel's, half of what both ends of a connection take. "
        "Each delivery is one post's frame to one reader. Below: the largest crowd as it is held."
    )
    headings = ["crowd", *(metric.heading for metric in large.STEP_FIGURES)]
    measured = part("The largest crowd on several processes", what, table(headings, rows))
    held = figures_table(results, "large-crowd", large.HOLD_METRICS)
    return [*measured, held] if measured else []


def jitter_part(results: Results) -> list[str]:
    """Readers on a bad network, one row per system."""
    what = (
        f"Messages at {jitter.RATE:g} per second; each client is cut off for {jitter.CUT_FOR:g} s "
        f"every {jitter.CUT_EVERY:g} s and comes back as its system's own client does. A message "
        "counts as replayed when it was published before the client was back; latencies are from "
        "publishing to receipt, so the cut is part of them."
    )
    return part("A bad network", what, systems_table(results, "jitter", "received"))


def versions(results: Results) -> str:
    """What ran."""
    return "\n".join(
        f"- {about['title']}: "
        + ", ".join(f"{component} {version}" for component, version in about["versions"].items())
        for about in results.systems.values()
    )


def failures(results: Results) -> str:
    """Each failure, with the process's last output."""
    return "\n".join(
        f"- {entry['system']}, {entry['scenario']}: {' '.join(entry['error'].split())}"
        for entry in results.errors
    )
