"""The interface server is killed -9, and all its readers come back at once, by their page's rule.

Through the whole product: nginx, supervisord, which starts the server anew, two workers, Redis, and
posts that are made meanwhile. The readers are the page's own script (`bench/client/herd.mjs`).
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import threading
import time

from bench import procfs
from bench.errors import BenchError, HandshakesFailed, MissingComponent
from bench.redis_client import RedisClient
from bench.scenarios.base import Metric, Scenario
from bench.systems import whole_product
from bench.systems.base import REPOSITORY
from bench.talker import Talker

INTERFACE = "channels_realtime.interface"
POSTS = 10  # made while nobody is connected
PATIENCE = 60.0  # s; by then a newsroom has called
QUEUES = ("websocket.connect", "websocket.receive", "websocket.disconnect", "http.request")
LOOK = 0.02  # s between two looks at the queues


def measure(session):
    session.close_readers()
    node = shutil.which("node")
    if node is None:
        raise MissingComponent("herd", "node", "apt-get install nodejs")
    herd = Talker("herd", [node, REPOSITORY / "bench" / "client" / "herd.mjs"])
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(herd.stop)
        gathered = ask(
            herd,
            "gather",
            count=session.plan.herd_readers,
            port=session.stack.port,
            socket=f"/channel/liveblog/{whole_product.SLUG}/",
            updates=f"/liveblog/{whole_product.SLUG}/updates.json",
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


def ask(herd, do, timeout=2 * PATIENCE, **arguments):
    return herd.ask(json.dumps({"do": do} | arguments), timeout)


def recovery(session, herd, revision):
    """Kill the interface server, post, wait until all are back; return the metrics."""
    stack, count = session.stack, session.plan.herd_readers
    stack.ready_publisher()
    before = cpu_by_pid(stack)
    [interface] = [pid for pid in before if INTERFACE in procfs.command(pid)]
    ask(herd, "brace")
    with Queues(stack.redis_port) as queues:
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


def cpu_by_pid(stack):
    """The CPU seconds of every process that serves."""
    found = {}
    for pid in (pid for process in stack.processes() for pid in process.pids()):
        with contextlib.suppress(OSError):
            found[pid] = procfs.cpu_seconds(pid)
    return found


class Queues:
    """Watches how many messages wait for workers; `most` is the most seen. A context manager."""

    def __init__(self, redis_port):
        self.redis = RedisClient(redis_port)
        self.most = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.ended.wait(LOOK):
            waiting = sum(self.redis.execute("LLEN", f"asgi:{name}") for name in QUEUES)
            self.most = max(self.most, waiting)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.redis.close()


SCENARIO = Scenario(
    "herd",
    "a herd after a kill -9",
    (
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
        Metric("cpu", "CPU a reader, whole stack", "ms", 2),
    ),
    measure,
    repetitions=lambda plan: plan.herd_repetitions,
)
