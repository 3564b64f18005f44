"""Lets handshakes in, so many at a time that the answers come before their clients give up.

When thousands of readers come back at once, workers that had all of them to answer would answer
each after its page has given up and come again, for ever. So the rest waits here unread, first
come, first served, and who has hung up meanwhile costs workers nothing.
"""

import time
from collections import deque

from realtime.internals import has_hung_up
from realtime.refusals import refusal

AT_ONCE = 200  # at the workers, who do some 1,500 a second: an answer takes 0.15 s at worst
MOST_WAITING = 4000  # some 2 KiB each


class Admission:
    """`admit(transport, data)` begins a handshake: it calls begun(), and once answered, done().

    `patience`: seconds that a handshake may wait, below 0 without end. `metrics` counts who is
    refused.
    """

    def __init__(self, admit, patience, metrics):
        self.admit = admit
        self.patience = patience
        self.metrics = metrics
        self.under_way = set()
        self.waiting = deque()  # (since, transport, data)
        self.admitting = False

    def come(self, transport, data):
        """A handshake has arrived whole."""
        if not self.waiting and len(self.under_way) < AT_ONCE:
            self.let_in(transport, data)
        elif len(self.waiting) < MOST_WAITING:
            transport.pauseProducing()
            self.waiting.append((time.monotonic(), transport, data))
        else:
            self.refuse(transport, "too_many_handshakes")

    def let_in(self, transport, data):
        if has_hung_up(transport):
            self.metrics.drop("gone_before_handshake")
            transport.loseConnection()
        else:
            self.admit(transport, data)

    def begun(self, socket):
        self.under_way.add(socket)

    def done(self, socket):
        """Answered, refused or gone. Calling it again does nothing."""
        if socket in self.under_way:
            self.under_way.remove(socket)
            self.admit_next()

    def admit_next(self):
        if self.admitting:  # one was refused at once: the loop below goes on
            return
        self.admitting = True
        try:
            while self.waiting and len(self.under_way) < AT_ONCE:
                _, transport, data = self.waiting.popleft()
                transport.resumeProducing()
                self.let_in(transport, data)
        finally:
            self.admitting = False

    def check_time(self, now):
        """Called every 2 s: refuses who has waited for longer than the handshake may take."""
        while 0 <= self.patience and self.waiting and now - self.waiting[0][0] > self.patience:
            self.refuse(self.waiting.popleft()[1], "handshake_timeout")

    def refuse_all(self):
        """The server goes down: the clients may try the next one."""
        while self.waiting:
            self.refuse(self.waiting.popleft()[1], "going_down")

    def refuse(self, transport, reason):
        self.metrics.drop(reason)
        transport.write(refusal(503, "Busy; please try again in a moment."))
        transport.loseConnection()
