"""Asking which workers answer: a message on one channel, answered by whoever takes it.

Workers that wait get one message each, the longest waiting first, so a few rounds reach them all.
"""

import os
import socket
import time

PROBE_CHANNEL = "ops.probe"


def identity(pid=None) -> str:
    """`host:pid` of a process on this machine."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"


def wait_for_worker(layer, wanted, at_once, within, alive=lambda: True) -> str | None:
    """The answer of the worker whose identity is wanted; None after `within` s or once not alive.

    `at_once`: how many probes a round sends; as many as there are workers is best. An answer is
    empty where all is well, else a sentence.
    """
    reply = layer.new_channel("ops.answer?")
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and alive():
        for _ in range(at_once):
            layer.send(PROBE_CHANNEL, {"reply_channel": reply})
        for answer in answers(layer, reply, at_once):
            if answer["worker"] == wanted:
                return answer["trouble"]
    return None


def answers(layer, reply, number):
    """Up to so many answers; ends early where one does not come within receive()'s wait."""
    for _ in range(number):
        channel, answer = receive(layer, reply)
        if channel is None:
            return
        yield answer


def receive(layer, reply, within=1.0):
    """(channel, message), or (None, None) after `within` s."""
    deadline = time.monotonic() + within
    while True:
        channel, answer = layer.receive([reply], block=False)
        if channel is not None or time.monotonic() > deadline:
            return channel, answer
        time.sleep(0.01)  # s; a blocking receive() would not notice that the worker has ended
