"""`/liveblog/<slug>/edit/team/`: the team of a blog, for those who may manage it.

A POST with `action` = `role` (`member`, `role`), `remove` (`member`), `invite` (`role`, `email`) or
`withdraw` (`invitation`). The answer is a redirect to the page, which shows what was done or why
not, or the page with the form that must be corrected (422).
"""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from liveblog.editing.decorators import for_editors
from liveblog.editing.roles import Rights, name_of, user_of
from liveblog.models import Invitation, LiveBlog, Membership
from liveblog.stream.revisions import whole_number
from liveblog.teams import invitations, mail, memberships
from liveblog.teams.forms import InviteForm, RoleForm
from liveblog.teams.models import VALID_FOR


@dataclass(frozen=True)
class Member:
    """A row of the page. `form`: the choice of the role."""

    row: Membership
    name: str
    form: RoleForm
    is_you: bool


@dataclass(frozen=True)
class OpenInvitation:
    row: Invitation
    inviter: str
    link: str


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def team(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    user = user_of(request)
    memberships.require_manager(blog, user)
    if request.method != "POST":
        return page(request, blog, InviteForm())
    action = request.POST.get("action")
    if action == "invite":
        return invite(request, blog, user)
    if action == "withdraw":
        memberships.withdraw(blog, posted_number(request, "invitation"), user)
        messages.success(request, _("The invitation is withdrawn. Its link no longer works."))
        return redirect("liveblog:team", blog.slug)
    if action in ("role", "remove"):
        return change(request, blog, user, action)
    raise Http404


def change(request: HttpRequest, blog: LiveBlog, user: User, action: str) -> HttpResponse:
    """Change a member's role, or remove the member."""
    pk, form = posted_number(request, "member"), RoleForm(request.POST)
    try:
        if action == "remove":
            member = memberships.remove(blog, pk, user)
            text = _("%(name)s is no longer on the team.") % {"name": name_of(member.user)}
        elif form.is_valid():
            member = memberships.set_role(blog, pk, form.chosen(), user)
            text = _("Saved.")
        else:
            raise Http404
    except memberships.LastManager:
        sentence = _("A team needs a manager. Make someone else a manager first.")
        messages.error(request, sentence)
        return redirect("liveblog:team", blog.slug)
    messages.success(request, text)
    if member.user_id == user.pk and (action == "remove" or form.chosen() != "manager"):
        return redirect("liveblog:index")  # the user may no longer see the team
    return redirect("liveblog:team", blog.slug)


def invite(request: HttpRequest, blog: LiveBlog, user: User) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return page(request, blog, form, 422)
    email = form.cleaned_data.get("email", "")
    if email and not mail.may_mail(user):
        form.add_error("email", _("Too many invitations by email. Try again in an hour."))
        return page(request, blog, form, 429)
    try:
        invitation = invitations.invite(blog, user, form.chosen(), email)
    except invitations.TooManyInvitations:
        form.add_error(None, _("Too many open invitations. Withdraw some first."))
        return page(request, blog, form, 422)
    if email:
        mail.request_mail(invitation, request)
        text = _("The invitation is on its way to %(email)s.") % {"email": email}
    else:
        text = _("Invitation created. Copy its link and send it to the person.")
    messages.success(request, text)
    return redirect("liveblog:team", blog.slug)


def posted_number(request: HttpRequest, name: str) -> int:
    """The id that was posted under the name. Raises Http404."""
    number = whole_number(request.POST.get(name, ""))
    if number is None:
        raise Http404
    return number


def page(
    request: HttpRequest, blog: LiveBlog, invite_form: InviteForm, status: int = 200
) -> HttpResponse:
    user = user_of(request)
    rows = blog.team.select_related("user")
    members = [
        Member(row, name_of(row.user), role_form(row), row.user_id == user.pk) for row in rows
    ]
    open_ones = [
        OpenInvitation(row, name_of(row.inviter), invitations.link_of(row, request))
        for row in invitations.open_invitations(blog)
    ]
    context = {
        "blog": blog,
        "members": members,
        "invitations": open_ones,
        "form": invite_form,
        "days": VALID_FOR.days,
    }
    return render(request, "liveblog/teams/team.html", context, status=status)


def role_form(row: Membership) -> RoleForm:
    return RoleForm(initial={"role": row.role}, auto_id=f"member-{row.pk}-%s")
