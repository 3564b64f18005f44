"""Probing which workers answer: messages on one channel, each answered by the worker that gets it.

Waiting workers get one message each, the longest waiting first, so a few rounds reach all of them.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypedDict

from channels_realtime.layer import RedisChannelLayer

PROBE_CHANNEL = "ops.probe"
POLL = 0.01  # s


class Answer(TypedDict):
    """`worker` is its identity(); `trouble` a sentence, or empty if all is well."""

    worker: str
    trouble: str


def identity(pid: int | None = None) -> str:
    """`host:pid` of a process of this host."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"


def wait_for_worker(
    layer: RedisChannelLayer,
    wanted: str,
    at_once: int,
    within: float,
    alive: Callable[[], bool] = lambda: True,
    rehearse: bool = False,
) -> str | None:
    """Wait until the worker with that identity answers a probe.

    Args:
        layer: the channel layer that the workers use.
        wanted: the worker's identity().
        at_once: the number of probes in a round; best the number of workers.
        within: how long to wait, in seconds.
        alive: whether the worker can still answer.
        rehearse: whether it does a rehearsal before it answers, see consumers/rehearsal.py.

    Returns:
        The trouble that the worker reports, which is empty if all is well; None without an answer.
    """
    reply = layer.new_channel("ops.answer?")
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and alive():
        for _ in range(at_once):
            probe = {"reply_channel": reply}
            if rehearse:
                probe["rehearse"] = wanted
            layer.send(PROBE_CHANNEL, probe)
        for answer in answers(layer, reply, at_once):
            if answer["worker"] == wanted:
                return answer["trouble"]
    return None


def answers(layer: RedisChannelLayer, reply: str, number: int) -> Iterator[Answer]:
    """Up to `number` answers; ends early if the next one does not arrive in time."""
    for _ in range(number):
        answer = receive(layer, reply)
        if answer is None:
            return
        yield answer


def receive(layer: RedisChannelLayer, reply: str, within: float = 1.0) -> Answer | None:
    """The next answer; None after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        _channel, answer = layer.receive([reply], block=False)
        if answer is not None:
            return Answer(worker=answer["worker"], trouble=answer["trouble"])
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL)  # a blocking receive() would not notice that the worker has ended
