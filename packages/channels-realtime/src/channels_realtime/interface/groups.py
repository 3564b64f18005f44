"""Which sockets of this process are in which group. Plain values: no Redis, no socket."""


class Groups:
    """Members are any hashable values. Both directions are kept: a broadcast asks for the members
    of a group, a closing socket for its groups."""

    def __init__(self):
        self.members = {}  # group name -> set of members
        self.groups = {}  # member -> set of group names

    def join(self, group, member):
        self.members.setdefault(group, set()).add(member)
        self.groups.setdefault(member, set()).add(group)

    def leave(self, group, member):
        """Does nothing where the member is not in the group."""
        self.drop(self.members, group, member)
        self.drop(self.groups, member, group)

    def forget(self, member) -> set:
        """The member is gone; returns the groups that it was in."""
        groups = self.groups.pop(member, set())
        for group in groups:
            self.drop(self.members, group, member)
        return groups

    @staticmethod
    def drop(index, key, value):
        if key in index:
            index[key].discard(value)
            if not index[key]:
                del index[key]
