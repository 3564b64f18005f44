"""The reader's page from nginx's cache, beside a static file of the same bytes from the same nginx.

In turn, so that drift hits both alike. Once as it is and once as browsers ask for it, compressed.
"""

from bench.errors import BenchError
from bench.scenarios.base import Metric, Scenario
from bench.systems import whole_product

PAGE = f"/liveblog/{whole_product.SLUG}/"
TURNS = 2
WARM_UP_SECONDS = 0.5
HEADERS = {"plain": {}, "gzip": {"Accept-Encoding": "gzip"}}
WAYS = {"plain": "uncompressed", "gzip": "compressed, as browsers do"}
FIGURES = (
    Metric("rate", "the page", "requests/s"),
    Metric("static_rate", "the file", "requests/s"),
    Metric("ratio", "page against file", "", 2),
    Metric("cpu", "nginx's CPU a page", "µs", 1),
    Metric("static_cpu", "nginx's CPU a file", "µs", 1),
    Metric("stack_cpu", "CPU a page, whole stack", "µs", 1),
    Metric("client_busy", "the load client's own CPU", "% of a core"),
)
HEADINGS = [f"{figure.title}, {figure.unit}".rstrip(", ") for figure in FIGURES]


def measure(session):
    paths = {"page": PAGE, "static": keep_as_file(session)}
    runs = {}
    for headers in HEADERS.values():
        for path in paths.values():
            ask(session, path, headers, WARM_UP_SECONDS)
    for _ in range(TURNS):
        for way, headers in HEADERS.items():
            for what, path in paths.items():
                run = ask(session, path, headers, session.plan.page_seconds / TURNS)
                runs.setdefault((way, what), []).append(run)
    return figures({key: total(several) for key, several in runs.items()})


def keep_as_file(session):
    """Put the page as it is now where nginx takes static files from; return its path there."""
    page = whole_product.get(session.stack, PAGE)
    if page.status != 200:
        raise BenchError(f"the reader's page was answered with {page.status}")
    name = "bench-page.html"
    (session.stack.folder / "static" / name).write_bytes(page.content)
    return f"/static/{name}"


def ask(session, path, headers, seconds):
    """Load one path; return its requests, seconds, errors, and CPU seconds by who used them."""
    stack = session.stack
    meter = session.meter()
    run = session.ask_client(
        "run_http",
        connections=session.plan.http_connections,
        seconds=seconds,
        target=stack.target(path),
        headers=headers,
    )
    used = meter.used()
    stack.check_alive()
    if not run["ok"]:
        raise BenchError(f"no request of {path} was answered with 200, but with {run['others']}")
    return {
        "requests": run["ok"],
        "seconds": run["seconds"],
        "errors": sum(run["others"].values()),
        "nginx": used.processes["nginx"],
        "stack": used.stack,
        "client": used.client,
    }


def total(runs):
    """The sum of several answers of `ask`."""
    return {key: sum(run[key] for run in runs) for key in runs[0]}


def figures(runs):
    """The metrics of {(way, "page" or "static"): an answer of `ask`}."""
    result = {"errors": sum(run["errors"] for run in runs.values())}
    for way in WAYS:
        page, static = runs[way, "page"], runs[way, "static"]
        rates = [run["requests"] / run["seconds"] for run in (page, static)]
        result |= {
            f"{way}_rate": rates[0],
            f"{way}_static_rate": rates[1],
            f"{way}_ratio": rates[0] / rates[1],
            f"{way}_cpu": 1e6 * page["nginx"] / page["requests"],
            f"{way}_static_cpu": 1e6 * static["nginx"] / static["requests"],
            f"{way}_stack_cpu": 1e6 * page["stack"] / page["requests"],
            f"{way}_client_busy": 100 * page["client"] / page["seconds"],
        }
    return result


def metrics(way, title):
    """The FIGURES of one way, as metrics of their own."""
    return tuple(
        Metric(f"{way}_{figure.key}", f"{title}: {figure.title}", figure.unit, figure.digits)
        for figure in FIGURES
    )


SCENARIO = Scenario(
    "page",
    "the reader's page through nginx",
    (
        *(metric for way, title in WAYS.items() for metric in metrics(way, title)),
        Metric("errors", "answers other than 200", ""),
    ),
    measure,
    repetitions=lambda plan: plan.page_repetitions,
)
