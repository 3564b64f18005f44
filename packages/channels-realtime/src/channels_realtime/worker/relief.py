"""Returns to Redis what waits for a thread whose consumer takes long, so that another takes it.

Only with several shards does a thread hold messages while its consumer runs; see layer.waiting.
"""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.metrics.counters import AtHand

LONG = 0.5  # s that a consumer runs until what waits behind it is put back
LOOK_EVERY = 0.5  # s


class Relief:
    """Does so in a thread while the context lasts. `at_hand` returns what the threads handle."""

    def __init__(self, layer: Transport, at_hand: Callable[[], Sequence[AtHand]]) -> None:
        self.layer = layer
        self.at_hand = at_hand
        self.stopping = threading.Event()

    def __enter__(self) -> None:
        if self.layer.ring_size > 1:
            threading.Thread(target=self.look, name="relief", daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()

    def look(self) -> None:
        while not self.stopping.wait(LOOK_EVERY):
            for message in self.at_hand():
                if message.seconds > LONG:
                    returned = self.layer.receiver.put_back(message.thread)
                    if returned:
                        self.layer.count("put_back", returned)
