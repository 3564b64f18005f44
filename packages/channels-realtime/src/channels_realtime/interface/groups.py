"""Which sockets of this process are in which group. Plain values: no Redis, no socket."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Hashable)


class Groups(Generic[Member]):
    """Both directions are stored: a broadcast needs the members of a group, a closing socket its
    groups."""

    def __init__(self) -> None:
        self.members: dict[str, set[Member]] = {}
        self.groups: dict[Member, set[str]] = {}

    def join(self, group: str, member: Member) -> None:
        self.members.setdefault(group, set()).add(member)
        self.groups.setdefault(member, set()).add(group)

    def leave(self, group: str, member: Member) -> None:
        """Does nothing where the member is not in the group."""
        drop(self.members, group, member)
        drop(self.groups, member, group)

    def forget(self, member: Member) -> set[str]:
        """Remove the member from all groups; returns their names."""
        groups = self.groups.pop(member, set())
        for group in groups:
            drop(self.members, group, member)
        return groups


def drop(index: dict[Key, set[Value]], key: Key, value: Value) -> None:
    """Remove a value under a key, and the key with its last value."""
    if key in index:
        index[key].discard(value)
        if not index[key]:
            del index[key]
