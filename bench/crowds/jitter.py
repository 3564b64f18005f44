"""Readers on a bad network, who are cut off again and again while messages go on.

The profile is AnyCable's: 120 messages at 2 per second, each client cut for 2 s every 15 s. A
system without recovery delivers 13/15 of the messages.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from bench.errors import HandshakesFailed
from bench.metrics import Figures, Metric
from bench.processes import Talker, module

if TYPE_CHECKING:
    from bench.session import Session

RATE = 2.0  # messages per second
CUT_EVERY = 15.0  # s, for each client; they begin at random moments
CUT_FOR = 2.0  # s
# 5 s without anything new after the last message: longer than a cut and two attempts to connect.
QUIET_SECONDS = 5.0
PATIENCE = 60.0  # s; what comes later than that after the last message counts as lost
OPEN_TIMEOUT = 300.0  # s
JITTER_METRICS = (
    Metric("clients", "clients", ""),
    Metric("messages", "messages", ""),
    Metric("received", "received", "%", 2),
    Metric("replay_p50", "replay, median", "s", 2),
    Metric("replay_p99", "replay, 99th percentile", "s", 2),
    Metric("live_p99", "live, 99th percentile", "ms"),
    Metric("replayed", "of all received by replay", "%", 1),
    Metric("reconnects", "reconnects", ""),
    Metric("unrecovered", "reconnects without recovery", ""),
    Metric("refused", "handshakes refused", ""),
    Metric("lost", "sockets closed by the server", ""),
    Metric("repeated", "messages received twice", ""),
    Metric("server_busy", "server CPU", "% of a core"),
    Metric("stack_busy", "CPU of the whole stack", "% of a core"),
    Metric("client_busy", "the load client's own CPU", "% of a core"),
)


def jitter(session: Session) -> Figures:
    """One profile; a message's latency counts from before it is published to its receipt."""
    session.close_readers()
    with contextlib.ExitStack() as exits:
        client = Talker("jitter client", module("bench.crowds.jitter_client"))
        exits.callback(client.stop)
        result = profile(session, client)
    session.settle()
    return result


def profile(session: Session, client: Talker) -> Figures:
    stack, plan = session.stack, session.plan

    def ask(do: str, timeout: float = 30.0, **arguments: Any) -> dict[str, Any]:
        return client.ask(json.dumps({"do": do} | arguments), timeout)

    # The last message before the readers come, and one that all of them get: a reader of Socket.IO
    # can recover only after the first message, which tells it where it is.
    opened = ask(
        "open",
        OPEN_TIMEOUT,
        protocol=stack.protocol,
        count=plan.jitter_clients,
        in_flight=plan.in_flight,
        target=stack.target(stack.reader_path),
        newest=newest(stack.publish(1)),
    )
    if opened["opened"] < plan.jitter_clients:
        raise HandshakesFailed(opened["opened"], plan.jitter_clients, opened["refusals"])
    session.settle()
    before = newest(stack.publish(1))
    session.settle()
    ask("begin", newest=before, messages=plan.jitter_messages, every=CUT_EVERY, away=CUT_FOR)
    processes = [stack.server, client]
    meter = session.meter()
    cpu = [process.cpu_seconds() for process in processes]
    started = time.monotonic()
    published = []
    for number in range(plan.jitter_messages):
        time.sleep(max(0.0, started + number / RATE - time.monotonic()))
        published.append(stack.publish(1)["first"])
    used = meter.used()
    server, own = (
        process.cpu_seconds() - each for process, each in zip(processes, cpu, strict=True)
    )
    account = ask("finish", 2 * PATIENCE, quiet_seconds=QUIET_SECONDS, patience=PATIENCE)
    stack.check_alive()
    answer = ask("evaluate", 2 * PATIENCE, published=published)
    return {
        "clients": plan.jitter_clients,
        "messages": plan.jitter_messages,
        **answer,
        **account,
        "server_busy": 100 * server / used.wall,
        "stack_busy": 100 * used.stack / used.wall,
        "client_busy": 100 * own / used.wall,
    }


def newest(published: dict[str, float]) -> int:
    """The number by which readers know the message that was published last."""
    return int(published.get("revision", published["number"]))
