"""Invitations: their links, and what happens when one is accepted.

A link carries the invitation's id and expiry with a signature by SECRET_KEY. It works until it
expires, is used or withdrawn, and as long as its inviter is active and may manage the team.
"""

from django.contrib.auth.models import User
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from liveblog.editing.idempotency import locked
from liveblog.editing.roles import rights_of
from liveblog.models import Invitation, LiveBlog, Membership
from liveblog.teams.models import Role

MAX_OPEN = 50  # per blog; more than a newsroom invites in a week


class VoidInvitation(Exception):
    """The link is forged, expired, used or withdrawn, or its inviter may no longer invite."""


class TooManyInvitations(Exception):
    """The blog has MAX_OPEN open invitations."""


def signer() -> Signer:
    return Signer(salt="liveblog.teams.invitations", sep=".")


def payload(invitation: Invitation) -> str:
    return f"{invitation.pk}-{int(invitation.expires.timestamp())}"


def link_of(invitation: Invitation, request: HttpRequest) -> str:
    """The invitation's address, with scheme and host of the request."""
    return request.build_absolute_uri(path_of(invitation))


def path_of(invitation: Invitation) -> str:
    return reverse("liveblog:invitation", args=[signer().sign(payload(invitation))])


def find(token: str) -> Invitation:
    """The open invitation of a link. Raises VoidInvitation."""
    try:
        signed = signer().unsign(token)
    except BadSignature:
        raise VoidInvitation from None
    rows = Invitation.objects.select_related("blog", "inviter")
    invitation = rows.filter(pk=int(signed.partition("-")[0])).first()
    if invitation is None or payload(invitation) != signed or not is_open(invitation):
        raise VoidInvitation
    return invitation


def is_open(invitation: Invitation) -> bool:
    if invitation.expires <= timezone.now():
        return False
    return rights_of(invitation.inviter, invitation.blog).manage


def open_invitations(blog: LiveBlog) -> list[Invitation]:
    rows = blog.invitations.select_related("blog", "inviter")
    return [invitation for invitation in rows if is_open(invitation)]


@transaction.atomic
def invite(blog: LiveBlog, inviter: User, role: Role, email: str = "") -> Invitation:
    """A new invitation. Deletes those that have expired. Raises TooManyInvitations."""
    blog = locked(blog)
    blog.invitations.filter(expires__lte=timezone.now()).delete()
    if blog.invitations.count() >= MAX_OPEN:
        raise TooManyInvitations
    return Invitation.objects.create(blog=blog, inviter=inviter, role=role, email=email)


@transaction.atomic
def accept(token: str, user: User) -> Membership:
    """Use up the invitation: the user gets its role, or keeps one that includes it.

    Raises VoidInvitation.
    """
    # Everybody who changes a team locks the blog first; the invitation is read again after that.
    blog = locked(find(token).blog)
    invitation = find(token)
    role = Role(invitation.role)
    invitation.delete()
    member, is_new = Membership.objects.get_or_create(blog=blog, user=user, defaults={"role": role})
    if not is_new and role.includes(Role(member.role)):
        member.role = role
        member.save(update_fields=["role"])
    return member
