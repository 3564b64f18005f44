"""Checks of readiness: whether Redis, workers and interface servers do their work.

A check returns facts and problems, one sentence each, without names of hosts and addresses. It does
not raise: a Redis that does not answer is a problem as well, and so is the channel layer of another
package. Its first argument is `channel_layers["default"]`.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import redis
from channels.asgi import ChannelLayerWrapper

from channels_realtime.layer.channel_layer import DEAD_AFTER, Transport
from channels_realtime.layer.requirement import UnsupportedLayer, require_transport
from channels_realtime.layer.suitability import examine
from channels_realtime.metrics.counters import WORKER_REPORTS, Report, processes, queues

logger = logging.getLogger("channels_realtime.readiness")

OK, BUSY, FAILING = "ok", "busy", "failing"
SILENT_AFTER = {"worker": 3 * WORKER_REPORTS, "interface": DEAD_AFTER}  # s without a report
OF_OTHERS = 3 * WORKER_REPORTS  # s; a project's own kinds of processes report as workers do
LONG = 10.0  # s that a thread may have a message at hand, or a quarter of what it may take at all
LONG_WAIT = 5.0  # s that messages wait for workers: a busy site
FEW_FILES = 0.05  # of the open files that a process may have; the rest is for what it needs next


@dataclass(frozen=True)
class Finding:
    """What a check has found: its state, sentences about what is wrong, and facts."""

    status: str = OK
    problems: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[], Finding]


def failing(*problems: str, **facts: Any) -> Finding:
    return Finding(FAILING if problems else OK, problems, facts)


def needs_redis(check: Callable[..., Finding]) -> Callable[..., Finding]:
    """For a check that has nothing to report where no Redis answers."""

    def checking(*args: Any, **kwargs: Any) -> Finding:
        try:
            return check(*args, **kwargs)
        except (redis.RedisError, OSError) as error:
            logger.error("Readiness cannot be checked: %s", error)
            return failing("Redis does not answer, so this is not known.")

    return checking


def needs_transport(check: Callable[..., Finding]) -> Callable[..., Finding]:
    """For a check of the channel layer, its first argument, which may be in channels' wrapper."""

    @wraps(check)
    def checking(layer: Any, *args: Any, **kwargs: Any) -> Finding:
        try:
            require_transport(getattr(layer, "channel_layer", layer), "The check of readiness")
        except UnsupportedLayer as error:
            return failing(str(error))
        return check(layer, *args, **kwargs)

    return checking


def run_checks(checks: Mapping[str, Check]) -> dict[str, Any]:
    """The answer of a readiness check, to be sent as JSON.

    `status` is the worst of all checks', `problems` the sentences of all, each once; each check has
    its own `status` and facts. More checks may come.
    """
    found = {name: check() for name, check in checks.items()}
    states = {finding.status for finding in found.values()}
    problems = [sentence for finding in found.values() for sentence in finding.problems]
    return {
        "status": next((state for state in (FAILING, BUSY) if state in states), OK),
        "problems": list(dict.fromkeys(problems)),
        "checks": {
            name: {"status": finding.status, **finding.facts} for name, finding in found.items()
        },
    }


@needs_transport
def check_redis(layer: Transport) -> Finding:
    """Whether each shard answers, and can do what the layer needs."""
    problems = []
    for shard in layer.ring:
        try:
            fault = examine(shard.client, layer.prefix).fault
        except (redis.RedisError, OSError) as error:
            logger.error("%s does not answer: %s", shard, error)
            problems.append(f"Redis {shard.index + 1} of {layer.ring_size} does not answer.")
        else:
            if fault is not None:
                problems.append(f"Redis {shard.index + 1} of {layer.ring_size} {fault.sentence}")
    return failing(*problems, shards=layer.ring_size)


@dataclass(frozen=True)
class Process:
    """A worker or interface server, as it has reported itself.

    `trouble` is empty where it works, otherwise what is wrong, to be put behind its name.
    """

    name: str
    is_ours: bool
    trouble: str


@needs_transport
@needs_redis
def check_processes(
    layer: Transport, kind: str, host: str, expected: Collection[str] = ()
) -> Finding:
    """Whether all workers (or interface servers) that have reported lately still do their work.

    Args:
        kind: worker, interface, or a project's own, as given to Metrics().
        host: this machine's name, as in the metrics.
        expected: the names that supervisord gives to those of this machine; empty where other
            means start them.
    """
    found = list_processes(layer, kind, host, expected)
    missing = set(expected) - {process.name for process in found if process.is_ours}
    problems = [
        f"{process.name}{'' if process.is_ours else ' of another host'} {process.trouble}."
        for process in found
        if process.trouble
    ]
    problems += [f"{name} does not run, or has not reported yet." for name in sorted(missing)]
    if not found and not missing:
        what = {"interface": "interface server"}.get(kind, kind)
        problems.append(f"No {what} has reported for {SILENT_AFTER.get(kind, OF_OTHERS):g} s.")
    working = sum(not process.trouble for process in found)
    return failing(*problems, working=working, expected=len(found) + len(missing))


def list_processes(
    layer: Transport, kind: str, host: str, expected: Collection[str]
) -> list[Process]:
    """One for each name: of several that supervisord started in turn, the last.

    A process that has published that it ends is left out, unless it is expected: then it may be
    about to start again, within the time that a process may be silent.
    """
    newest: dict[tuple[str, str], Report] = {}
    for identity, report in processes(layer).items():
        its_kind, _, place = identity.partition("@")
        its_host, _, pid = place.rpartition(":")
        if its_kind != kind:
            continue
        key = (its_host, report.get("name", f"{kind} {pid}"))
        if key not in newest or report["published"] > newest[key]["published"]:
            newest[key] = report
    return [
        Process(name, its_host == host, trouble_of(kind, report))
        for (its_host, name), report in sorted(newest.items())
        if not report.get("ended") or (its_host == host and name in expected)
    ]


def trouble_of(kind: str, report: Report) -> str:
    """What is wrong with a process, by its report; empty where nothing is."""
    if report["age"] > SILENT_AFTER.get(kind, OF_OTHERS):
        return f"has not reported for {report['age']} s"
    values = report["values"]
    files, most = values.get("open_files", 0), values.get("open_files_limit", 0)
    if 0 < most and files > most * (1 - FEW_FILES):
        return f"has {files} open files and may have {most}"
    at_hand = report.get("at_hand", [])
    for message in at_hand:
        seconds, limit = message["seconds"] + report["age"], message["limit"]
        if limit and seconds > max(LONG, limit / 4):
            return f"hangs: a message on {message['channel']} has been at hand for {seconds:.0f} s"
    return ""


@needs_transport
@needs_redis
def check_queues(layer: ChannelLayerWrapper) -> Finding:
    """How many messages wait for workers. A long wait means a busy site, not a dead one.

    `layer`: channels' wrapper of the layer, whose router has the channels.
    """
    waiting, oldest, problems = 0, 0.0, []
    for channel, statistics in queues(layer, layer.router.channels).items():
        pending, age = statistics["messages_pending"], statistics["messages_max_age"]
        waiting, oldest = waiting + pending, max(oldest, age)
        if pending and age > LONG_WAIT:
            problems.append(f"{pending} messages wait on {channel}, the oldest for {age:.0f} s.")
    facts = {"waiting": waiting, "oldest_seconds": round(oldest, 1)}
    return Finding(BUSY if problems else OK, problems, facts)
