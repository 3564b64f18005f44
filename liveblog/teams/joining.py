"""`/invitations/<token>/`: the page behind an invitation's link.

Somebody without a login creates a user there, somebody who is logged in joins as that user.
"""

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from conversations.rate_limits import Limit
from liveblog.editing.roles import name_of, user_of
from liveblog.models import Invitation
from liveblog.teams.forms import SignUpForm
from liveblog.teams.invitations import VoidInvitation, accept, find

BACKEND = "django.contrib.auth.backends.ModelBackend"
GONE, TOO_MANY_REQUESTS = 410, 429
# Per invitation. The form says whether a username is taken, so it must not be asked endlessly.
ATTEMPTS = Limit("sign-ups", most=20, seconds=900, flood=0)


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    try:
        found = find(token)
        if request.user.is_authenticated:
            return join(request, token, found)
        return sign_up(request, token, found)
    except VoidInvitation:
        return render(request, "liveblog/teams/void.html", status=GONE)


def join(request: HttpRequest, token: str, found: Invitation) -> HttpResponse:
    user = user_of(request)
    if request.method == "POST":
        accept(token, user)
        return redirect("liveblog:editor", found.blog.slug)
    return page(request, found, None)


def sign_up(request: HttpRequest, token: str, found: Invitation) -> HttpResponse:
    """Create the user and its membership, and log in."""
    if request.method != "POST":
        return page(request, found, SignUpForm(initial={"email": found.email}))
    form = SignUpForm(request.POST)
    if is_too_fast(found):
        form = SignUpForm(initial={"email": found.email})
        return page(request, found, form, TOO_MANY_REQUESTS)
    if not form.is_valid():
        return page(request, found, form, 422)
    try:
        user = create(form, token)
    except IntegrityError:
        form.add_error("username", _("A user with that username already exists."))
        return page(request, found, form, 422)
    login(request, user, backend=BACKEND)
    return redirect("liveblog:editor", found.blog.slug)


@transaction.atomic
def create(form: SignUpForm, token: str) -> User:
    """Raises VoidInvitation, and IntegrityError if the username was taken in the meantime."""
    user: User = form.save()
    accept(token, user)
    return user


def is_too_fast(found: Invitation) -> bool:
    """Whether the form was sent too often with this invitation; counts it."""
    return ATTEMPTS.is_exceeded(str(found.pk))


def page(
    request: HttpRequest, found: Invitation, form: SignUpForm | None, status: int = 200
) -> HttpResponse:
    """`form`: of a new user; None for one who is logged in."""
    context = {
        "blog": found.blog,
        "role": found.get_role_display(),
        "inviter": name_of(found.inviter),
        "form": form,
        "is_too_fast": status == TOO_MANY_REQUESTS,
    }
    return render(request, "liveblog/teams/invitation.html", context, status=status)
