"""Heartbeats of groups: what all members have already is not sent to all of them again.

A sender that repeats the newest version of something, so that a lost message is noticed, would make
an idle crowd pay for each repetition. But a message is hardly ever lost between an interface server
and a socket that stays open: it is lost on the way to the interface server. So this process
compares the version of each heartbeat with that of the last message that reached it. Where they
differ, something was missed, and the heartbeat goes to all members at once, unless messages have
overtaken it: then it names one of the versions before. Where they agree, only every n-th goes to
all, and the others to members that have joined since. It is another one in each process: written
by all at once, a heartbeat would delay the next message by as much as it takes itself.

The sender names the versions. Numbers given by Redis would not show a message whose sender was
killed before it could send it.
"""

import random
from collections.abc import Callable, Hashable, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from channels_realtime.layer.envelope import Mark

# s: a sender that was silent for longer has been restarted, or its Redis has, so its next heartbeat
# goes to all members.
FORGET_AFTER = 10.0

Member = TypeVar("Member", bound=Hashable)


@dataclass
class Followed(Generic[Member]):
    """A group whose members get heartbeats."""

    version: str  # of the last message that reached this process
    every: int  # as the last heartbeat said that went to all members
    seen_at: float  # when the last heartbeat came, on the monotonic clock
    held: int  # heartbeats since the last one that went to all members
    # Versions since the last heartbeat but for the last: the next one may have been overtaken.
    overtaken: set[str] = field(default_factory=set)
    new: set[Member] = field(default_factory=set)  # members that have had none yet


class Heartbeats(Generic[Member]):
    """Decides who gets a heartbeat. Plain values: no Redis, no socket.

    `stagger`: of every so many heartbeats, how many fewer to hold before the second one that goes
    to all members.
    """

    def __init__(self, stagger: Callable[[int], int] = random.randrange) -> None:
        self.stagger = stagger
        self.groups: dict[str, Followed[Member]] = {}

    def receive(self, group: str, mark: Mark, now: float) -> Set[Member] | None:
        """A marked message has come. Returns the members that it is for, None for all.

        Args:
            now: seconds on the monotonic clock.
        """
        followed = self.groups.get(group)
        if not mark.every:
            if followed is not None:
                followed.overtaken.add(followed.version)
                followed.version = mark.version
            return None
        if (
            followed is None
            or (mark.version != followed.version and mark.version not in followed.overtaken)
            or now - followed.seen_at > FORGET_AFTER
        ):
            held = self.stagger(mark.every)
            self.groups[group] = Followed(mark.version, mark.every, now, held)
            return None
        if followed.held + 1 >= min(followed.every, mark.every):
            self.groups[group] = Followed(followed.version, mark.every, now, held=0)
            return None
        followed.held += 1
        followed.seen_at = now
        followed.overtaken.clear()
        new, followed.new = followed.new, set()
        return new

    def join(self, group: str, member: Member) -> None:
        """A member that gets the next heartbeat in any case."""
        if group in self.groups:
            self.groups[group].new.add(member)

    def forget_all(self) -> None:
        """Messages may have been lost: the next heartbeat of each group goes to all members."""
        self.groups.clear()

    def check_time(self, now: float) -> None:
        """Forget groups without heartbeats, and with them members that have gone since."""
        for group in [g for g, f in self.groups.items() if now - f.seen_at > FORGET_AFTER]:
            del self.groups[group]
