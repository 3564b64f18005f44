"""Request bodies on their way to workers: counted in bytes, packed outside the reactor."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from channels_realtime.interface.redis.outbox import Message, Outbox, OutgoingMessage
from channels_realtime.interface.takeover.state import BodiesState
from channels_realtime.layer.commands import Command
from channels_realtime.layer.scripts import SendReply
from channels_realtime.layer.shard import PATIENCE
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.bodies")

CHANNEL = "http.request"
# Bytes. Packing and encrypting this much takes half a millisecond; more is left to a thread.
LARGE = 64 << 10
REQUEST = 4 << 10  # bytes that a request takes beside its header and its body
STILL_EXPIRING = 1  # s that Redis keeps a list longer than its messages


@dataclass(slots=True)
class Charge:
    """What one request holds, in the process or in Redis.

    `sent` is true once its message may be in Redis; from then on only a worker's answer or the
    message's expiry ends the charge, not a client that hangs up.
    """

    size: int  # bytes
    body: int  # bytes of it
    sent: bool = False
    expires: float = 0.0  # by the monotonic clock


@dataclass(frozen=True, slots=True)
class Upload:
    """A large body that waits for its turn to be packed."""

    channel: str
    message: Message
    refused: Callable[[], None]


class Bodies:
    """Requests under way, at most `budget.requests` bytes of them.

    Large bodies may take only a part of that, so that pages and short posts are served while
    uploads are refused. They are packed one at a time, in a thread: copies take several times
    the body's size, and encrypting 10 MiB takes 0.1 s.
    """

    def __init__(self, budget: Budget, outbox: Outbox, metrics: Metrics) -> None:
        # Encryption makes a body a third longer in Redis.
        numerator = 3 if outbox.layer.codec.crypter else 4
        self.limit = budget.requests * numerator // 4
        self.large_limit = budget.large_bodies * numerator // 4
        self.outbox = outbox
        self.metrics = metrics
        self.charges: dict[str, Charge] = {}  # by reply channel
        self.held = 0  # bytes of all charges
        self.peak = 0  # the most that was held since memory was last returned to the system
        self.large = 0  # bytes of large bodies
        self.uploads: deque[Upload] = deque()
        self.sending = False  # whether one of them is being packed, or sent to Redis
        self.paused = False  # the others wait: another process may take over

    # Counting

    def begin(self, channel: str, header: int, length: int | None) -> bool:
        """A header of `header` bytes has arrived. Returns whether its body may follow.

        Args:
            length: bytes of the body, None where the header does not say.
        """
        if not self.has_room(0, REQUEST + header + (length or 0), length or 0):
            return False
        self.charges[channel] = Charge(REQUEST + header, 0)
        self.held += REQUEST + header
        return True

    def grow(self, channel: str, size: int) -> bool:
        """`size` more bytes of the body have arrived. Returns whether there is room for them."""
        charge = self.charges[channel]
        if not self.has_room(charge.body, size, charge.body + size):
            return False
        self.resize(charge, charge.body + size)
        return True

    def has_room(self, counted: int, more: int, body: int) -> bool:
        """Whether a body that would be `body` bytes, `counted` of them now, may take more."""
        if self.held + more > self.limit:
            return False
        if body <= LARGE:
            return True
        large = self.large - (counted if counted > LARGE else 0) + body
        return large <= self.large_limit

    def resize(self, charge: Charge, body: int) -> None:
        for size, sign in ((charge.body, -1), (body, 1)):
            self.held += sign * size
            if size > LARGE:
                self.large += sign * size
        self.peak = max(self.peak, self.held)
        charge.size += body - charge.body
        charge.body = body

    def release(self, channel: str) -> None:
        """The request was answered, or its message refused. Calling it again does nothing."""
        charge = self.charges.pop(channel, None)
        if charge is not None:
            self.held -= charge.size
            if charge.body > LARGE:
                self.large -= charge.body

    def abandon(self, channel: str) -> None:
        """The client is gone, or was refused: what is not in Redis is dropped."""
        charge = self.charges.get(channel)
        if charge is not None and not charge.sent:
            self.release(channel)

    def check_time(self, now: float) -> None:
        """Called every 2 s: ends charges of messages that no worker can receive any more."""
        expired = [c for c, charge in self.charges.items() if charge.sent and now > charge.expires]
        for channel in expired:
            self.release(channel)

    # Sending

    def send(self, target: str, message: Message, refused: Callable[[], None]) -> None:
        """Send the request to workers; `refused()` is called where they or Redis cannot take it.

        `target`: the channel that the workers read. A large body goes to CHANNEL.
        """
        channel = message["reply_channel"]
        if len(message["body"]) <= LARGE:
            self.mark_sent(channel, time.monotonic())
            self.outbox.send(target, message, lambda: self.refuse(channel, refused))
        else:
            self.uploads.append(Upload(channel, message, refused))
            self.send_next()

    def mark_sent(self, channel: str, now: float) -> None:
        charge = self.charges[channel]
        charge.sent = True
        charge.expires = now + self.outbox.layer.expiry + STILL_EXPIRING

    def refuse(self, channel: str, refused: Callable[[], None]) -> None:
        self.release(channel)
        refused()

    def send_next(self) -> None:
        while self.uploads and not self.sending and not self.paused:
            upload = self.uploads.popleft()
            if upload.channel not in self.charges:
                continue  # the client has gone
            self.sending = True
            layer = self.outbox.layer
            packing = deferToThread(
                layer.send_command, CHANNEL, upload.message, layer.shard_of(CHANNEL)
            )
            packing.addCallback(self.packed, upload)
            packing.addErrback(self.not_packed, upload)

    def packed(self, command: Command[SendReply], upload: Upload) -> None:
        if upload.channel not in self.charges:
            self.next_turn()
            return
        now = time.monotonic()
        self.mark_sent(upload.channel, now)
        self.outbox.post(
            OutgoingMessage(
                CHANNEL,
                {},  # the command has it
                now,
                PATIENCE,
                lambda: self.not_sent(upload),
                command.shard,
                command,
                self.next_turn,
            )
        )

    def not_packed(self, failure: Failure, upload: Upload) -> None:
        logger.error("A request could not be sent: %s", failure.getTraceback())
        self.metrics.drop("not_packed")
        self.not_sent(upload)

    def not_sent(self, upload: Upload) -> None:
        self.refuse(upload.channel, upload.refused)
        self.next_turn()

    def next_turn(self) -> None:
        self.sending = False
        self.send_next()

    # Between two processes: see channels_realtime.interface.takeover

    def export(self) -> BodiesState:
        """Its state, for another process. Bodies of which a part has arrived are not in it."""
        uploads = {upload.channel: upload.message for upload in self.uploads}
        return {
            "charges": [
                {
                    "channel": channel,
                    "size": charge.size,
                    "body": charge.body,
                    "sent": charge.sent,
                    "expires": charge.expires,
                }
                for channel, charge in self.charges.items()
                if charge.sent or channel in uploads
            ],
            "uploads": [
                {"channel": channel, "message": message}
                for channel, message in uploads.items()
                if channel in self.charges
            ],
        }

    def restore(
        self, state: BodiesState, refused: Callable[[str], Callable[[], None] | None]
    ) -> None:
        """Go on with what another process has exported.

        `refused`: by reply channel, what is called where the message cannot be sent; None where the
        client is gone.
        """
        for item in state["charges"]:
            charge = Charge(item["size"], item["body"], item["sent"], item["expires"])
            self.charges[item["channel"]] = charge
            self.held += charge.size
            if charge.body > LARGE:
                self.large += charge.body
        self.peak = max(self.peak, self.held)
        for upload in state["uploads"]:
            on_refusal = refused(upload["channel"])
            if on_refusal is None:
                self.release(upload["channel"])
            else:
                self.uploads.append(Upload(upload["channel"], upload["message"], on_refusal))
