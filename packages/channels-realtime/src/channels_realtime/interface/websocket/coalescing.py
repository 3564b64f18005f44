"""Coalescing: equal handshakes are answered with one reply, where its consumer has shared it.

Of the handshakes that ask the same question the first one goes to the workers, and the others wait
for its reply. If the reply is marked as shared (channels_realtime.sharing), they get it too: they
join the group of the first socket, here and, all of one turn of the reactor with one script, in
Redis. Otherwise they go on to the workers, through admission control, like any other.

A reply is used until the next message to its group. Every message that is sent after the first
socket has joined the group reaches this process after that join, so whoever gets the reply before
such a message arrives gets the message as well.
"""

import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.base import DelayedCall

from channels_realtime.interface.groups import Groups, drop
from channels_realtime.interface.http_errors import Refused
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.redis.outbox import Message
from channels_realtime.interface.redis.registration import BATCH_SIZE, Registration
from channels_realtime.interface.websocket.admission import (
    Admission,
    Transport,
    UnreadHandshake,
)
from channels_realtime.interface.websocket.handshake import Handshake, read_handshake
from channels_realtime.internals import has_hung_up
from channels_realtime.metrics.counters import Metrics
from channels_realtime.sharing import SHARED

if TYPE_CHECKING:
    from channels_realtime.interface.websocket.protocol import WebSocket

logger = logging.getLogger("channels_realtime.coalescing")

FRESH_FOR = 2.0  # s that a reply is shared, where no message to its group ends that earlier
# s that others wait for the first one's reply, once it is with the workers. They take at most
# 0.15 s for it (admission.AT_ONCE); where they take longer, waiting would only add to it.
WAIT_WITHIN = 0.5
ATTEMPTS = 3  # replies that a handshake waits for, before it goes to the workers itself
# s for which nobody waits for the reply to a question whose last reply was not shared
UNSHARED_FOR = 10.0
MOST_QUESTIONS = 1000  # whose last reply is remembered
REPLIES = 4  # a quarter of the memory for handshakes is for the replies that they share
REPLY_KEYS = {"accept", "text", "bytes"}
# Every consumer may look at these: Origin checks, subprotocols, names of hosts.
ALWAYS_COMPARED = frozenset(
    (b"host", b"origin", b"sec-websocket-protocol", b"x-forwarded-host", b"x-forwarded-proto")
)

Target = bytes  # of the request: path and query, as they were sent


class Question(NamedTuple):
    """What handshakes must have in common to get the same reply.

    `headers`: those that are compared; None as long as it is not known which.
    """

    target: Target
    headers: tuple[tuple[bytes, bytes], ...] | None


class Rule(NamedTuple):
    """What the last reply to a target says about the next.

    `compared`: names of headers; None where it was not shared.
    """

    compared: frozenset[bytes] | None
    until: float


class WaitingHandshake(NamedTuple):
    transport: Transport
    received: UnreadHandshake
    handshake: Handshake
    attempts: int


@dataclass(eq=False, slots=True)
class FirstHandshake:
    """The one that goes to the workers for all that are equal to it.

    Attributes:
        socket: once it is admitted.
        groups: those it has joined.
        is_stale: whether one of them got a message since: its reply is not for others.
        is_late: whether its reply takes so long that nobody else waits for it.
        repairs: Registration.repairs when it was admitted.
    """

    question: Question
    handshake: Handshake
    socket: "WebSocket | None" = None
    waiting: list[WaitingHandshake] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    is_stale: bool = False
    is_late: bool = False
    repairs: int = 0
    timer: DelayedCall | None = None


@dataclass(eq=False, slots=True)
class SharedReply:
    """A reply that further sockets get.

    Attributes:
        question: whose answer it is.
        message: as the consumer sent it, without the mark.
        group: which they join.
        witness: the socket that the consumer sent it to.
        until: on the monotonic clock.
        repairs: Registration.repairs when the witness was admitted.
    """

    question: Question
    message: Message
    group: str
    witness: "WebSocket"
    until: float
    repairs: int

    @property
    def size(self) -> int:
        return sum(len(self.message.get(key) or "") for key in ("text", "bytes"))


class Coalescing:
    """Decides which handshakes go to the workers.

    Args:
        admission: where those go that do.
        begin: makes a connection a WebSocket that has not been sent to the workers; called with
            its transport, the handshake and the bytes that came right behind it.
        add_member: makes a WebSocket a member of a group of this process.
        groups: of this process.
        registration: of their members in Redis.
    """

    def __init__(
        self,
        admission: Admission,
        begin: Callable[[Transport, Handshake, bytes], "WebSocket"],
        add_member: "Callable[[str, WebSocket], None]",
        groups: Groups[Any],
        registration: Registration,
        metrics: Metrics,
    ) -> None:
        self.admission = admission
        self.begin = begin
        self.add_member = add_member
        self.groups = groups
        self.registration = registration
        self.metrics = metrics
        self.rules: dict[Target, Rule] = {}  # the last changed ones at the end
        self.firsts: dict[Question, FirstHandshake] = {}
        self.in_admission: dict[Transport, FirstHandshake] = {}
        self.at_workers: dict[Hashable, FirstHandshake] = {}  # by the socket
        self.replies: dict[Question, SharedReply] = {}
        self.reply_bytes = 0
        self.joining: dict[SharedReply, list[tuple[WebSocket, Handshake]]] = {}
        # What the next message to a group ends.
        self.replies_of: dict[str, set[SharedReply]] = {}
        self.firsts_in: dict[str, set[FirstHandshake]] = {}
        self.waiting = 0  # handshakes; their bytes are among those that admission holds

    # Handshakes

    def submit(self, transport: Transport, received: UnreadHandshake, attempts: int = 0) -> None:
        """A handshake has arrived whole: answer it, let it wait, or pass it on to admission.

        `attempts`: replies that it has waited for.
        """
        now = time.monotonic()
        target = target_of(received.header)
        rule = self.rules.get(target)
        if rule is not None and rule.until < now:
            rule = None
        if self.admission.is_ending or attempts >= ATTEMPTS or (rule and rule.compared is None):
            self.admission.submit(transport, received)
            return
        try:
            handshake = read_handshake(received.header)
        except Refused:
            self.admission.submit(transport, received)  # which refuses it in its turn
            return
        question = Question(target, compared(handshake, rule))
        reply = self.usable_reply(question, now)
        if reply is not None:
            # Many may have given up in the listening socket's backlog.
            if not self.has_left(transport):
                self.share(transport, handshake, received.rest, reply)
            return
        first = self.firsts.get(question)
        if first is None:
            first = self.firsts[question] = FirstHandshake(question, handshake)
            self.in_admission[transport] = first
            self.admission.submit(transport, received)
        elif first.is_late or not self.has_room(received):
            self.admission.submit(transport, received)
        else:
            transport.pauseProducing()
            first.waiting.append(WaitingHandshake(transport, received, handshake, attempts + 1))
            self.waiting += 1
            self.admission.held += received.size()
            self.limit_wait(first)

    def has_room(self, received: UnreadHandshake) -> bool:
        """Whether one more may wait, within what all that wait for workers may take."""
        return self.admission.held + received.size() <= self.admission.memory

    def limit_wait(self, first: FirstHandshake) -> None:
        """Those behind the first one wait for WAIT_WITHIN from when the workers have it."""
        if first.waiting and first.timer is None and first.socket is not None:
            first.timer = reactor.callLater(WAIT_WITHIN, self.give_up, first)

    def give_up(self, first: FirstHandshake) -> None:
        """The reply is late: the workers get all that wait for it."""
        first.is_late, first.timer = True, None
        for waiting in self.take_waiting(first):
            self.resubmit(waiting, ATTEMPTS)

    def admitted(self, transport: Transport, received: UnreadHandshake) -> Handshake | None:
        """The turn of a handshake has come. Returns what to send to the workers, or None where
        a reply came meanwhile that answers it.

        Raises Refused.
        """
        first = self.in_admission.get(transport)
        if first is not None:
            return first.handshake
        handshake = read_handshake(received.header)
        target = target_of(received.header)
        now = time.monotonic()
        rule = self.rules.get(target)
        reply = self.usable_reply(Question(target, compared(handshake, rule)), now)
        if reply is None:
            return handshake
        self.share(transport, handshake, received.rest, reply)
        return None

    def sent(self, transport: Transport, socket: "WebSocket") -> None:
        """The workers are about to get the handshake of this socket."""
        first = self.in_admission.pop(transport, None)
        if first is not None:
            first.socket = socket
            first.repairs = self.registration.repairs
            self.at_workers[socket] = first
            self.limit_wait(first)

    def abandoned(self, transport: Transport) -> None:
        """A handshake has left admission without its turn."""
        first = self.in_admission.pop(transport, None)
        if first is not None:
            self.end(first)

    def forget(self, socket: Hashable) -> None:
        """The socket is gone, or its handshake is refused."""
        first = self.at_workers.pop(socket, None)
        if first is not None:
            self.end(first)

    def end(self, first: FirstHandshake) -> None:
        """The first one is answered or gone: go on with those behind it."""
        if self.firsts.get(first.question) is first:
            del self.firsts[first.question]
        for group in first.groups:
            drop(self.firsts_in, group, first)
        if first.timer is not None:
            first.timer.cancel()
            first.timer = None
        for waiting in self.take_waiting(first):
            self.resubmit(waiting, waiting.attempts)

    def take_waiting(self, first: FirstHandshake) -> list[WaitingHandshake]:
        taken, first.waiting = first.waiting, []
        self.waiting -= len(taken)
        self.admission.held -= sum(waiting.received.size() for waiting in taken)
        return taken

    def resubmit(self, waiting: WaitingHandshake, attempts: int) -> None:
        transport = waiting.transport
        transport.resumeProducing()
        if not self.has_left(transport):
            self.submit(transport, waiting.received, attempts)

    def has_left(self, transport: Transport) -> bool:
        """Whether the client has hung up; its connection is ended then."""
        if not has_hung_up(transport):
            return False
        self.metrics.drop("gone_before_handshake")
        transport.loseConnection()
        return True

    def release_all(self) -> None:
        """Pass all that wait on to admission."""
        for first in list(self.firsts.values()):
            self.give_up(first)

    # Replies

    def replied(self, socket: "WebSocket", message: Message) -> None:
        """A reply to a WebSocket is about to be delivered; takes the mark off."""
        mark = message.pop(SHARED, None)
        first = self.at_workers.pop(socket, None)
        if first is None:
            return
        now = time.monotonic()
        if isinstance(mark, dict) and only_opens(message):
            names = frozenset(name.encode("latin1") for name in mark["vary"])
            rule = Rule(names | ALWAYS_COMPARED, now + UNSHARED_FOR)
            self.remember(first.question.target, rule)
            question = Question(first.question.target, compared(first.handshake, rule))
            if not first.is_stale and self.usable_reply(question, now) is None:
                until = now + FRESH_FOR
                self.keep(
                    SharedReply(question, message, mark["group"], socket, until, first.repairs)
                )
        else:
            self.remember(first.question.target, Rule(None, now + UNSHARED_FOR))
        # Once the reply is delivered.
        reactor.callLater(0, self.end, first)

    def remember(self, target: Target, rule: Rule) -> None:
        self.rules.pop(target, None)
        self.rules[target] = rule
        if len(self.rules) > MOST_QUESTIONS:
            del self.rules[next(iter(self.rules))]

    def keep(self, reply: SharedReply) -> None:
        """Share the reply, within the bound of all; the oldest ones make room."""
        self.discard(self.replies.get(reply.question))
        most = self.admission.memory // REPLIES
        if reply.size > most:
            return
        while self.reply_bytes + reply.size > most or len(self.replies) >= MOST_QUESTIONS:
            self.discard(next(iter(self.replies.values())))
        self.replies[reply.question] = reply
        self.reply_bytes += reply.size
        self.admission.held += reply.size
        self.replies_of.setdefault(reply.group, set()).add(reply)

    def discard(self, reply: SharedReply | None) -> None:
        """Share it no longer. Calling it again does nothing."""
        if reply is not None and self.replies.get(reply.question) is reply:
            del self.replies[reply.question]
            self.reply_bytes -= reply.size
            self.admission.held -= reply.size
            drop(self.replies_of, reply.group, reply)

    def usable_reply(self, question: Question, now: float) -> SharedReply | None:
        """The reply to the question that is shared at the moment.

        Its socket must be in the group, and in no other: further ones could not be.
        """
        reply = self.replies.get(question)
        if reply is None:
            return None
        if reply.until < now or reply.repairs != self.registration.repairs:
            self.discard(reply)
            return None
        return reply if self.groups.groups.get(reply.witness) == {reply.group} else None

    def share(
        self, transport: Transport, handshake: Handshake, rest: bytes, reply: SharedReply
    ) -> None:
        """Join a new socket to the group; once Redis has it there too, it gets the reply."""
        socket = self.begin(transport, handshake, rest)
        self.add_member(reply.group, socket)
        if not self.joining:
            reactor.callLater(0, self.join)
        self.joining.setdefault(reply, []).append((socket, handshake))

    def join(self) -> None:
        """Register the sockets of this turn of the reactor in Redis."""
        joining, self.joining = self.joining, {}
        for reply, sockets in joining.items():
            for start in range(0, len(sockets), BATCH_SIZE):
                self.join_batch(reply, sockets[start : start + BATCH_SIZE])

    def join_batch(self, reply: SharedReply, batch: "list[tuple[WebSocket, Handshake]]") -> None:
        def joined(is_stored: bool) -> None:
            if is_stored:
                self.metrics.count("handshakes_shared", len(batch))
            else:
                self.discard(reply)
            for socket, handshake in batch:
                if not socket.is_connecting():
                    continue
                if not is_stored:
                    # The consumer decides about groups.
                    self.groups.leave(reply.group, socket)
                    socket.send_connect(handshake)
                    continue
                try:
                    socket.deliver(reply.message)
                except Exception:
                    # One socket's failure must not end the connection to Redis.
                    logger.exception("A shared reply could not be delivered")
                    socket.cut()

        names = [socket.reply_channel for socket, _ in batch]
        self.registration.join(reply.group, reply.witness.reply_channel, names, joined)

    def check_time(self, now: float) -> None:
        """Called every 2 s: drop replies that nobody has asked for lately."""
        for reply in [reply for reply in self.replies.values() if reply.until < now]:
            self.discard(reply)

    # Groups

    def joined(self, group: str, socket: Hashable) -> None:
        """A worker has joined a socket, or a request, to a group."""
        first = self.at_workers.get(socket)
        if first is not None:
            first.groups.add(group)
            self.firsts_in.setdefault(group, set()).add(first)

    def message_arrived(self, group: str) -> None:
        """A message to the group has arrived: replies from before it are not for others."""
        for reply in tuple(self.replies_of.get(group, ())):
            self.discard(reply)
        for first in self.firsts_in.get(group, ()):
            first.is_stale = True

    def messages_missed(self) -> None:
        """Messages to any group may have been lost on their way to this process."""
        for group in {*self.replies_of, *self.firsts_in}:
            self.message_arrived(group)


def only_opens(message: Message) -> bool:
    """Whether a reply only accepts a handshake, with at most one message behind it."""
    text, payload = message.get("text"), message.get("bytes")
    is_message = isinstance(text, str) if payload is None else isinstance(payload, bytes)
    return (
        message.keys() <= REPLY_KEYS
        and message.get("accept") is not False
        and (text is None or payload is None)
        and (is_message or (text is None and bool(message.get("accept"))))
    )


def target_of(header: bytes) -> Target:
    return header[: header.find(b"\r")]


def compared(handshake: Handshake, rule: Rule | None) -> tuple[tuple[bytes, bytes], ...] | None:
    """The headers that decide whether a reply fits; None where that is not known."""
    if rule is None or rule.compared is None:
        return None
    names = rule.compared
    return tuple([header for header in handshake.headers if header[0] in names])
