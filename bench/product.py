"""The product as an operator runs it: deploy/run.py with all it starts, nginx in front of it.

`page` is the reader's page from nginx's cache. `herd` kills the interface server, whose readers
come back by their page's own script (`bench/pages/herd.mjs`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from harness.network import Response, free_port, http_request
from harness.waiting import meanwhile

from bench.errors import BenchError, HandshakesFailed, MissingComponent
from bench.metrics import Figures, Metric
from bench.processes import START_TIMEOUT, Process, Talker, command, cpu_seconds
from bench.systems import HOST, REPOSITORY, Stack, System, require, run
from tests.nginx import replaced

if TYPE_CHECKING:
    from bench.session import Session

SLUG = "demo"
PAGE = f"/liveblog/{SLUG}/"


def assemble(system: System, stack: Stack, env: Mapping[str, str]) -> None:
    """Start it in a Stack whose port becomes nginx's; `env` are the product's other variables."""
    nginx = require(system, "nginx", "nginx")
    port = free_port()
    env = {**env, "PORT": str(port), "TRUSTED_HOPS": "1", "WORKERS": "2"}
    product = stack.add_helper(
        "product", [sys.executable, "deploy/run.py"], cwd=REPOSITORY, env=env
    )
    product.wait_listening(port)
    configuration = configure(stack, port)
    place = ["-e", "stderr", "-p", configuration.parent, "-c", configuration]
    stack.start_server("nginx", [nginx, *place, "-g", "daemon off;"])
    wait_ready(stack, product)
    replay = [sys.executable, "manage.py", "replay", SLUG, "--speed", "max"]
    run(system, replay, cwd=REPOSITORY, env={**os.environ, **env})
    stack.publish_with("posts", SLUG, env={"PYTHONPATH": str(REPOSITORY), **env})


def configure(stack: Stack, port: int) -> Path:
    """Write the repository's nginx.conf with this stack's ports; return its path."""
    prefix = stack.folder / "front"
    prefix.mkdir()
    (prefix / "var").symlink_to(stack.folder)
    # nginx as root drops its workers to an unprivileged user, who must reach the folder.
    stack.folder.chmod(0o755)
    ports = [
        ("server 127.0.0.1:8000;", f"server {HOST}:{port};"),
        ("listen 8080 ", f"listen {HOST}:{stack.port} "),
        ("        listen [::]:8080 backlog=4096;  #plain#\n", ""),
    ]
    configuration = prefix / "nginx.conf"
    configuration.write_text(replaced((REPOSITORY / "nginx.conf").read_text(), ports))
    return configuration


def wait_ready(stack: Stack, product: Process) -> None:
    """Wait until /readyz says that every part works. Raises ProcessFailed."""
    deadline = time.monotonic() + START_TIMEOUT
    while get(stack, "/readyz").status != 200:
        product.check_alive()
        if time.monotonic() > deadline:
            raise product.fail("is not well")
        time.sleep(0.1)


def get(stack: Stack, path: str) -> Response:
    """One request through nginx."""
    return http_request(stack.port, "GET", path)


# The reader's page from nginx's cache, beside a static file of the same bytes from the same nginx

TURNS = 2
WARM_UP_SECONDS = 0.5
WAYS = {
    "plain": ("uncompressed", {}),
    "gzip": ("compressed, as browsers do", {"Accept-Encoding": "gzip"}),
}
PAGE_FIGURES = (
    Metric("rate", "the page", "requests/s"),
    Metric("static_rate", "the file", "requests/s"),
    Metric("ratio", "page against file", "", 2),
    Metric("cpu", "nginx's CPU a page", "µs", 1),
    Metric("stack_cpu", "CPU a page, whole stack", "µs", 1),
    Metric("client_busy", "the load client's own CPU", "% of a core"),
)
PAGE_METRICS = (
    *(
        Metric(f"{key}_{each.key}", f"{title}: {each.title}", each.unit, each.digits)
        for key, (title, _) in WAYS.items()
        for each in PAGE_FIGURES
    ),
    Metric("errors", "answers other than 200", ""),
)


def page(session: Session) -> Figures:
    """Both in turn, so that drift hits both alike; as they are, and as browsers ask for them."""
    paths = {"page": PAGE, "static": keep_as_file(session)}
    totals: dict[tuple[str, str], Figures] = {}
    # The first turn warms up.
    for turn in range(TURNS + 1):
        seconds = session.plan.seconds / TURNS if turn else WARM_UP_SECONDS
        for way, (_, headers) in WAYS.items():
            for what, path in paths.items():
                load = page_load(session, path, headers, seconds)
                if turn:
                    total = totals.setdefault((way, what), dict.fromkeys(load, 0.0))
                    totals[way, what] = {key: total[key] + load[key] for key in load}
    result = {"errors": sum(total["errors"] for total in totals.values())}
    for way in WAYS:
        page, static = totals[way, "page"], totals[way, "static"]
        rates = [total["requests"] / total["seconds"] for total in (page, static)]
        figures = {
            "rate": rates[0],
            "static_rate": rates[1],
            "ratio": rates[0] / rates[1],
            "cpu": 1e6 * page["nginx"] / page["requests"],
            "stack_cpu": 1e6 * page["stack"] / page["requests"],
            "client_busy": 100 * page["client"] / page["seconds"],
        }
        result |= {f"{way}_{key}": value for key, value in figures.items()}
    return result


def keep_as_file(session: Session) -> str:
    """Put the page as it is now where nginx takes static files from; return its path there."""
    page = get(session.stack, PAGE)
    if page.status != 200:
        raise BenchError(f"the reader's page was answered with {page.status}")
    name = "bench-page.html"
    (session.stack.folder / "static" / name).write_bytes(page.body)
    return f"/static/{name}"


def page_load(session: Session, path: str, headers: dict[str, str], seconds: float) -> Figures:
    """Load one path; return its requests, seconds, errors, and CPU seconds by who used them."""
    meter = session.meter()
    answer = session.ask_client(
        "run_http",
        connections=session.plan.http_connections,
        seconds=seconds,
        target=session.stack.target(path),
        headers=headers,
    )
    used = meter.used()
    session.stack.check_alive()
    if not answer["ok"]:
        others = answer["others"]
        raise BenchError(f"no request of {path} was answered with 200, but with {others}")
    return {
        "requests": answer["ok"],
        "seconds": answer["seconds"],
        "errors": sum(answer["others"].values()),
        "nginx": used.processes["nginx"],
        "stack": used.stack,
        "client": used.client,
    }


# The interface server is killed -9, and all its readers come back at once

INTERFACE = "channels_realtime.interface"
POSTS = 10  # made while nobody is connected
PATIENCE = 60.0  # s; by then a newsroom has called
QUEUES = ("websocket.connect", "websocket.receive", "websocket.disconnect", "http.request")
LOOK = 0.02  # s between two looks at the queues
HERD_METRICS = (
    Metric("last_back", "the last is live again after", "s", 1),
    Metric("median_back", "half of them after", "s", 1),
    Metric("first_back", "the first after", "s", 1),
    Metric("last_fed", "the last sees what is new, by a socket or a poll, after", "s", 1),
    Metric("not_back", f"not back after {PATIENCE:.0f} s", ""),
    Metric("missing", "posts missing", ""),
    Metric("refused", "handshakes refused", ""),
    Metric("given_up", "handshakes given up by the page", ""),
    Metric("closed", "sockets closed again", ""),
    Metric("polls_refused", "polls refused", ""),
    Metric("queue", "most messages that waited for workers", ""),
    Metric("cpu", "CPU per reader, whole stack", "ms", 2),
)


def herd(session: Session) -> Figures:
    session.close_readers()
    node = shutil.which("node")
    if node is None:
        raise MissingComponent("herd", "node", "apt-get install nodejs")
    herd = Talker("herd", [node, REPOSITORY / "bench" / "pages" / "herd.mjs"])
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(herd.stop)
        gathered = ask(
            herd,
            "gather",
            count=session.plan.herd_readers,
            port=session.stack.port,
            socket=f"/channel/liveblog/{SLUG}/",
            updates=f"{PAGE}updates.json",
            seconds=PATIENCE,
        )
        if gathered["live"] < session.plan.herd_readers:
            reasons = gathered["refusals"] | gathered["polls"]
            raise HandshakesFailed(gathered["live"], session.plan.herd_readers, reasons)
        session.settle()
        result = recovery(session, herd, gathered["revision"])
        ask(herd, "scatter")
        session.settle()
        return result


def ask(herd: Talker, do: str, **arguments: Any) -> dict[str, Any]:
    return herd.ask(json.dumps({"do": do} | arguments), 2 * PATIENCE)


def recovery(session: Session, herd: Talker, revision: int) -> Figures:
    """Kill the interface server, post, wait until all are back; return the metrics."""
    stack, count = session.stack, session.plan.herd_readers
    stack.ready_publisher()
    before = cpu_by_pid(stack)
    [interface] = [pid for pid in before if INTERFACE in command(pid)]
    ask(herd, "brace")
    with Queues(stack) as queues:
        killed = time.monotonic()
        os.kill(interface, signal.SIGKILL)
        stack.publish(POSTS)
        seen = ask(herd, "recover", revision=revision + POSTS, seconds=PATIENCE)
    stack.check_alive()
    if not seen["back"]:
        raise BenchError(f"nobody came back within {PATIENCE:.0f} s")
    posted = set(range(revision + 1, revision + POSTS + 1))
    after = cpu_by_pid(stack)
    return {
        "last_back": max(seen["live"]) - killed,
        "median_back": statistics.median(seen["live"]) - killed,
        "first_back": min(seen["live"]) - killed,
        "last_fed": max(seen["fed"]) - killed,
        "not_back": count - seen["back"],
        "missing": sum(len(posted.difference(rows)) for rows in seen["rows"]),
        "given_up": seen["refusals"].pop("given up", 0),
        "refused": sum(seen["refusals"].values()),
        "closed": sum(seen["closes"].values()) - count,
        "polls_refused": sum(n for code, n in seen["polls"].items() if code != "200"),
        "queue": queues.most,
        "cpu": 1e3 * sum(cpu - before.get(pid, 0) for pid, cpu in after.items()) / count,
    }


def cpu_by_pid(stack: Stack) -> dict[int, float]:
    """The CPU seconds of every process that serves."""
    found = {}
    for pid in (pid for process in stack.processes() for pid in process.pids()):
        with contextlib.suppress(OSError):
            found[pid] = cpu_seconds(pid)
    return found


class Queues:
    """Watches how many messages wait for workers; `most` is the most seen. A context manager."""

    def __init__(self, stack: Stack) -> None:
        assert stack.redis
        self.redis = stack.redis
        self.most = 0
        self.watching = meanwhile(self.watch)

    def watch(self, ended: threading.Event) -> None:
        while not ended.wait(LOOK):
            waiting = sum(int(self.redis.llen(f"asgi:{name}")) for name in QUEUES)
            self.most = max(self.most, waiting)

    def __enter__(self) -> Self:
        self.watching.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.watching.__exit__(None, None, None)
