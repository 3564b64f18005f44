"""Changes of a team, each under the blog's lock and with its rules checked there."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from liveblog.editing.idempotency import locked
from liveblog.editing.roles import rights_everywhere, rights_of
from liveblog.models import Invitation, LiveBlog, Membership
from liveblog.teams.models import Role


class LastManager(Exception):
    """Without this member nobody of the team could manage it."""


def require_manager(blog: LiveBlog, user: User) -> None:
    """Raises PermissionDenied."""
    if not rights_of(user, blog).manage:
        raise PermissionDenied(_("You don't have permission to manage the team of this live blog."))


@transaction.atomic
def set_role(blog: LiveBlog, pk: int, role: Role, by: User) -> Membership:
    """Raises LastManager, PermissionDenied and Membership.DoesNotExist."""
    member = locked_member(blog, pk, by)
    if role != Role.MANAGER:
        require_another_manager(member, by)
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove(blog: LiveBlog, pk: int, by: User) -> Membership:
    """The member that was removed. Raises as set_role()."""
    member = locked_member(blog, pk, by)
    require_another_manager(member, by)
    member.delete()
    return member


@transaction.atomic
def withdraw(blog: LiveBlog, pk: int, by: User) -> None:
    """Make an invitation void. Raises PermissionDenied. One that is used already is no error."""
    require_manager(locked(blog), by)
    Invitation.objects.filter(blog=blog, pk=pk).delete()


def locked_member(blog: LiveBlog, pk: int, by: User) -> Membership:
    # Checked again under the lock: another manager may have removed this one in the meantime.
    require_manager(locked(blog), by)
    return blog.team.select_related("user").get(pk=pk)


def require_another_manager(member: Membership, by: User) -> None:
    """Raises LastManager, except for those who may manage every team anyway."""
    if member.role != Role.MANAGER or rights_everywhere(by).manage:
        return
    managers = Membership.objects.filter(blog=member.blog, role=Role.MANAGER, user__is_active=True)
    if not managers.exclude(pk=member.pk).exists():
        raise LastManager
