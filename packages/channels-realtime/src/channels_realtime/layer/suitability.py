"""Checks once, at the start of a process, whether a Redis can serve a layer.

What a service cannot do is then one sentence, instead of an error reply to each command later.
"""

import logging
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import redis

from channels_realtime.layer.shard import Shard, is_passing

logger = logging.getLogger("channels_realtime.redis")

OLDEST = (6, 2)  # LPOP with a number of entries
# As the layer's scripts: keys of several slots, and one that is not among the declared KEYS.
PROBE = """
redis.call('EXISTS', KEYS[1], KEYS[2])
redis.call('RPUSH', ARGV[1], '1')
redis.call('EXPIRE', ARGV[1], 60)
return redis.call('TIME')
"""
WITHIN = 1.0  # s that a start waits for the findings; in an outage it goes on without them
# Error replies of a cluster, and of some proxies in front of one
# (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
OF_A_CLUSTER = (redis.exceptions.ClusterError, redis.exceptions.ClusterCrossSlotError)
# redis-py takes the code away from the text of these; is_passing() knows the others.
PASSING = (redis.ReadOnlyError, redis.OutOfMemoryError, redis.exceptions.MasterDownError)
INSTEAD = "Use a Redis without cluster mode, one behind Sentinel, or several as shards"


class Fault(NamedTuple):
    """Why a Redis cannot serve a layer: a sentence, to be put behind its name.

    `passes`: whether it may serve later, as after a failover.
    """

    sentence: str
    passes: bool = False


class Findings(NamedTuple):
    """What an examination has found. `warning` is a sentence like that of a Fault."""

    fault: Fault | None
    warning: str | None


class UnsuitableRedis(redis.RedisError):
    """A Redis that can never serve the layer.

    Args:
        server: its name, as the beginning of a sentence.
        fault: what is wrong.
    """

    exit_code = 2  # as for a wrong argument: no supervisor should start the process again

    def __init__(self, server: object, fault: Fault) -> None:
        super().__init__(server, fault)
        self.server, self.fault = server, fault

    def __str__(self) -> str:
        return f"{self.server} {self.fault.sentence}"


def examine(client: redis.Redis, prefix: str = "asgi:") -> Findings:
    """Have a Redis do, in two round trips, what the layer needs.

    `prefix`: of the layer's keys. Raises redis.RedisError and OSError where it does not answer.
    """
    probe = f"{prefix}probe:{secrets.token_hex(4)}:"  # of this process alone
    keys = [f"{probe}{number}" for number in range(2)]
    undeclared = f"{probe}list"
    # What a user or a service may not do is an error reply; TIME is one that all permit.
    with client.pipeline(transaction=False) as pipeline:
        pipeline.info()
        pipeline.script_load(PROBE)
        pipeline.eval(PROBE, len(keys), *keys, undeclared)
        pipeline.client_id()
        pipeline.time()
        try:
            information, *replies = pipeline.execute(raise_on_error=False)
        except redis.ResponseError as error:  # HELLO, AUTH or SELECT, which redis-py sends first
            return Findings(refused(error), None)
    facts: dict[str, Any] = information if isinstance(information, dict) else {}
    fault = (
        fault_of_server(facts)
        or fault_of_replies(zip(("SCRIPT LOAD", "EVAL", "CLIENT ID", "TIME"), replies, strict=True))
        or fault_of_waiting(client, undeclared)
    )
    return Findings(fault, None if fault else warning_about(facts))


def fault_of_server(facts: dict[str, Any]) -> Fault | None:
    """What INFO shows; nothing where it is not permitted."""
    if facts.get("redis_mode") == "cluster" or facts.get("cluster_enabled"):
        return in_cluster()
    version = str(facts.get("redis_version", ""))
    found = re.match(r"(\d+)\.(\d+)", version)
    if found and tuple(map(int, found.groups())) < OLDEST:
        return Fault(f"is version {version}. {needs_version()}")
    if facts.get("role") == "slave":
        return Fault("is a read-only replica; name its master, or the Sentinels.", passes=True)
    return None


def in_cluster() -> Fault:
    return Fault(
        f"is a Redis Cluster, and the layer's scripts use keys of several slots. {INSTEAD}."
    )


def fault_of_replies(replies: Iterable[tuple[str, object]]) -> Fault | None:
    """The first error reply among (command, reply) pairs."""
    for command, reply in replies:
        if isinstance(reply, Exception):
            return of_error(command, reply)
    return None


def refused(error: Exception) -> Fault:
    text = str(error).rstrip(".")
    hint = f" {needs_version()}" if "HELLO" in text else ""
    return Fault(f"refuses the connection: {text}.{hint}", passes(error))


def passes(error: Exception) -> bool:
    """Whether the reason passes, such as a full memory."""
    return isinstance(error, PASSING) or is_passing(error)


def needs_version() -> str:
    return f"Redis {OLDEST[0]}.{OLDEST[1]} or later is needed."


def of_error(command: str, error: Exception) -> Fault:
    text = str(error).rstrip(".")
    if (isinstance(error, OF_A_CLUSTER) or "CROSSSLOT" in text) and not passes(error):
        return in_cluster()
    return Fault(f"refuses {command}, which the layer needs: {text}.", passes(error))


def fault_of_waiting(client: redis.Redis, key: str) -> Fault | None:
    """BLPOP of an entry that is there; services that share connections have no such command."""
    try:
        client.blpop([key], timeout=1)
        client.lpop(key, 2)
    except redis.ResponseError as error:
        return of_error("BLPOP", error)
    return None


def warning_about(facts: dict[str, Any]) -> str | None:
    """What a full memory would do to messages."""
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy == "noeviction" or not facts.get("maxmemory"):
        return None
    return (
        f"removes keys when its memory is full (maxmemory-policy {policy}), and messages with"
        " them, unnoticed. Set noeviction: then a message that does not fit is refused and counted."
    )


def require_suitable(shards: Sequence[Shard], prefix: str) -> None:
    """Raise UnsuitableRedis where one of these can never serve a layer, and log warnings.

    One that does not answer, or cannot serve now, is left to the connections: they wait for it.
    """
    found: list[tuple[Shard, Findings]] = []

    def look(shard: Shard) -> None:
        with suppress(redis.RedisError, OSError):
            found.append((shard, examine(shard.client, prefix)))
        shard.pool.disconnect()

    threads = [threading.Thread(target=look, args=(shard,), daemon=True) for shard in shards]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + WITHIN
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for shard, (fault, warning) in list(found):
        if fault is not None and not fault.passes:
            raise UnsuitableRedis(shard, fault)
        sentence = fault.sentence if fault is not None else warning
        if sentence is not None:
            logger.warning("%s %s", shard, sentence)
