from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from accounts.models import Account
from conversations.read_only import read_only


@read_only
@never_cache
@login_required
def balance(request: HttpRequest) -> HttpResponse:
    """The user's balance, which the page keeps up to date."""
    assert request.user.is_authenticated  # login_required
    account = Account.objects.filter(user=request.user).first()
    return render(request, "accounts/balance.html", {"account": account})


class ChangePassword(SuccessMessageMixin, PasswordChangeView):
    """The form for a new password. The user stays logged in, on other devices no longer."""

    # Not Django's name of it: the admin's own page would be rendered with it.
    template_name = "registration/change_password.html"
    success_url = settings.LOGIN_REDIRECT_URL
    success_message = gettext_lazy("Your password has been changed.")


@never_cache
def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, str] | None
) -> HttpResponse:
    """The login page with a refusal, instead of `response`: there were too many failed logins.

    django-axes calls it (AXES_LOCKOUT_CALLABLE) for each login page, also that of /admin/.
    """
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    minutes = seconds // 60
    sentence = ngettext(
        "Too many failed logins. Try again in %(minutes)d minute.",
        "Too many failed logins. Try again in %(minutes)d minutes.",
        minutes,
    )
    context = {
        "refusal": sentence % {"minutes": minutes},
        "form": AuthenticationForm(request, initial={"username": request.POST.get("username")}),
        "next": request.POST.get("next", ""),
    }
    refusal = render(request, "registration/login.html", context, status=429)
    refusal["Retry-After"] = str(seconds)
    return refusal
