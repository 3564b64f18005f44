"""The run as Markdown: what was measured, and what that means for the targets."""

from bench.report.targets import OURS, TARGETS, judge
from bench.scenarios import SCENARIOS, by_hand, page

# The columns of the main table: heading, scenario, metric.
COLUMNS = (
    ("delivered, %", "broadcast", "delivered"),
    ("last reader, ms", "broadcast", "last_reader"),
    ("CPU a delivery, µs", "broadcast", "server_cpu"),
    ("burst deliveries/s", "burst", "rate"),
    ("burst delivered, %", "burst", "delivered"),
    ("burst CPU a delivery, µs", "burst", "server_cpu"),
    ("handshakes/s", "handshake", "rate"),
    ("CPU a handshake, ms", "handshake", "cpu"),
    ("KiB a socket", "memory", "socket"),
    ("echo round trips/s", "echo", "rate"),
    ("plain view, requests/s", "http", "rate"),
    ("idle CPU, %", "idle", "cpu"),
    ("idle Redis commands/s", "idle", "redis_commands"),
)
SIGNS = {"<=": "≤", "<": "<", ">=": "≥"}
RATIOS_AGAINST = ("nchan", "node-ws", "channels4-uvicorn", "channels4-daphne")


def markdown(results):
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
        by_hand_part(results),
        page_part(results),
        herd_part(results),
        "## Versions",
        versions(results),
    ]
    if results.errors:
        parts += ["## What failed", failures(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def introduction(about):
    """Where and how the run was made."""
    plan = about["plan"]
    repeated = (
        "one repetition" if plan["repetitions"] == 1 else f"{plan['repetitions']} repetitions"
    )
    return (
        f"{about['date']}, {about['cores']} cores ({about['processor']}), {about['system']}, "
        f"Python {about['python']}; {repeated}{', a quick look' if about['quick'] else ''}. "
        f"{plan['readers']:,} readers, messages of {plan['payload_size']} bytes, bursts of up to "
        f"{plan['burst_messages']}, a largest crowd of {plan['crowd_readers']:,}, "
        f"{plan['echo_clients']} echo clients, {plan['http_connections']} HTTP connections.\n\n"
        "CPU a delivery is the server process's own (user and system); CPU a handshake is that of "
        "server, worker and Redis together. The load client shares the cores, so CPU figures hold "
        "better than times; in a burst it looks at its sockets every "
        f"{1e3 * plan['pace']:g} ms."
    )


def number(value, digits):
    """A number for a person: thousands apart."""
    return f"{value:,.{digits}f}"


def digits_of(scenario, metric):
    """How many digits of a metric mean something."""
    return next(m.digits for m in SCENARIOS[scenario].metrics if m.key == metric)


def cell(summary, digits):
    """Median and spread of a Summary; a dash when there is none."""
    if summary is None:
        return "–"
    text = number(summary.median, digits)
    if len(summary.values) > 1:
        text += f"<br>({number(summary.low, digits)}–{number(summary.high, digits)})"
    return text


def table(headings, rows):
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured_table(results):
    """One row a system, one column a figure that any of them has."""
    columns = [
        column
        for column in COLUMNS
        if any(results.summary(system, *column[1:]) for system in results.systems)
    ]
    rows = [
        [
            about["title"],
            *(cell(results.summary(name, s, m), digits_of(s, m)) for _, s, m in columns),
        ]
        for name, about in results.systems.items()
    ]
    return table(["system", *(heading for heading, _, _ in columns)], rows)


def ratio_table(results):
    """Ours divided by each peer, figure by figure."""
    peers = [name for name in RATIOS_AGAINST if name in results.systems]
    rows = []
    for heading, scenario, metric in COLUMNS:
        ours = results.summary("ours", scenario, metric)
        if ours is None or not peers:
            continue
        cells = []
        for peer in peers:
            theirs = results.summary(peer, scenario, metric)
            known = theirs is not None and theirs.median
            cells.append(f"{ours.median / theirs.median:.2f} ×" if known else "–")
        rows.append([heading, *cells])
    return table(["ours /", *peers], rows)


def target_table(results):
    """Each target with its verdict; those of which nothing was measured say so."""
    rows = []
    for target in TARGETS:
        ours, theirs, figure, is_reached = judge(target, results)
        digits = digits_of(target.scenario, target.metric)
        limit = f"{SIGNS[target.sense]} {target.limit:g}"
        if target.against:
            limit += f" × {target.against}"
            shown = "–" if figure is None else f"{figure:.2f} ×"
        else:
            limit += f" {target.unit}".rstrip()
            shown = "–" if figure is None else number(figure, digits)
        verdict = "not measured" if is_reached is None else ("yes" if is_reached else "**no**")
        medians = ["–" if s is None else number(s.median, digits) for s in (ours, theirs)]
        rows.append([target.what, *medians, shown, limit, verdict])
    return table(["what", "ours", "peer", "counts", "target", "reached"], rows)


def crowd_table(results):
    """The largest crowd, for those who had to carry it."""
    metrics = SCENARIOS["crowd"].metrics
    rows = [
        [about["title"], *(cell(results.summary(name, "crowd", m.key), m.digits) for m in metrics)]
        for name, about in results.systems.items()
        if results.summary(name, "crowd", "delivered")
    ]
    return table(["system", *(f"{m.title}, {m.unit}".rstrip(", ") for m in metrics)], rows)


def by_hand_part(results):
    """Its table with a heading; empty where it was not measured."""
    measured = by_hand_table(results)
    what = "This live blog's `/channel/test/` and `/channel/by-hand/`: a reader sends, all get it."
    return measured and f"## Group and the loop by hand\n\n{what}\n\n{measured}"


def by_hand_table(results):
    """The same conversation with a Group and with a loop; a row for each number of readers."""
    rows = []
    for readers in by_hand.READERS:
        for way in by_hand.WAYS:
            keys = [by_hand.key(way, readers, figure) for figure in by_hand.FIGURES]
            summaries = [results.summary(OURS, "by-hand", key) for key in keys]
            if any(summaries):
                pairs = zip(summaries, by_hand.FIGURES, strict=True)
                cells = [cell(summary, figure.digits) for summary, figure in pairs]
                rows.append([way.title, f"{readers:,}", *cells])
    headings = (f"{figure.title}, {figure.unit}" for figure in by_hand.FIGURES)
    return table(["sent with", "readers", *headings], rows)


def page_part(results):
    """The reader's page from nginx's cache, with a heading; empty where it was not measured."""
    rows = []
    for way, title in page.WAYS.items():
        keys = [metric.key for metric in page.metrics(way, title)]
        summaries = [results.summary(OURS, "page", key) for key in keys]
        if any(summaries):
            digits = [digits_of("page", key) for key in keys]
            pairs = zip(summaries, digits, strict=True)
            rows.append([title, *(cell(summary, number) for summary, number in pairs)])
    measured = table(["asked for", *page.HEADINGS], rows)
    what = (
        "The page with 50 posts from the cache, and its bytes as a static file of the same nginx."
    )
    return measured and f"## The reader's page through nginx\n\n{what}\n\n{measured}"


def herd_part(results):
    """The herd, a row a figure, with a heading; empty where it was not measured."""
    rows = []
    for metric in SCENARIOS["herd"].metrics:
        if summary := results.summary(OURS, "herd", metric.key):
            rows.append(
                [f"{metric.title}, {metric.unit}".rstrip(", "), cell(summary, metric.digits)]
            )
    measured = table(["figure", "this live blog"], rows)
    what = (
        f"{results.about['plan'].get('herd_readers', 0):,} readers of one interface server that is "
        "killed -9; their pages come back by themselves, through nginx."
    )
    return measured and f"## A herd after a kill -9\n\n{what}\n\n{measured}"


def versions(results):
    """What ran."""
    return "\n".join(
        f"- {about['title']}: "
        + ", ".join(f"{component} {version}" for component, version in about["versions"].items())
        for about in results.systems.values()
    )


def failures(results):
    """Each failure, with what the process said last."""
    return "\n".join(
        f"- {entry['system']}, {entry['scenario']}: {' '.join(entry['error'].split())}"
        for entry in results.errors
    )
