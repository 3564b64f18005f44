"""A forgotten password: who reads the mailbox of an account may set a new one.

The page answers in the same way, and as fast, whether there is such an account or not: a worker
looks it up and sends the mail.
"""

import logging
from typing import Any

from channels import Channel
from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User
from django.contrib.auth.views import (
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from conversations.addresses import address_of
from conversations.rate_limits import Limit

logger = logging.getLogger(__name__)

RESET_CHANNEL = "accounts.password-reset-mail"
TOO_MANY_REQUESTS = 429
# As many as failed logins, in the same time, per address of the client.
REQUESTS = Limit("password-resets", most=10, seconds=900, flood=0)
# Per mailbox. Further requests are not answered with a mail, as the first ones still work.
MAILS = Limit("password-reset-mails", most=3, seconds=3600, flood=0)


class ResetForm(PasswordResetForm):
    def save(self, *args: Any, **options: Any) -> None:
        """Have a worker send the mail."""
        request: HttpRequest = options["request"]
        content = {
            "email": self.cleaned_data["email"],
            "host": request.get_host(),
            "secure": request.is_secure(),
            "language": translation.get_language(),
        }
        Channel(RESET_CHANNEL).send(content, immediately=True)


@method_decorator(never_cache, name="dispatch")
class RequestReset(PasswordResetView):
    """Asks for the address. Where the site sends no mail, it says whom to ask instead."""

    template_name = "registration/reset_password.html"
    form_class = ResetForm
    success_url = reverse_lazy("password_reset_done")

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        if not settings.MAIL_IS_CONFIGURED:
            return self.get(request, *args, **kwargs)
        if seconds := seconds_to_wait(request):
            minutes = -(-seconds // 60)
            context = self.get_context_data(form=ResetForm(), minutes=minutes)
            refusal = render(request, self.template_name, context, status=TOO_MANY_REQUESTS)
            refusal["Retry-After"] = str(seconds)
            return refusal
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"sends_mail": settings.MAIL_IS_CONFIGURED}


class ResetRequested(PasswordResetDoneView):
    template_name = "registration/reset_requested.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        minutes = settings.PASSWORD_RESET_TIMEOUT // 60
        return super().get_context_data(**kwargs) | {"minutes": minutes}


class SetPassword(SuccessMessageMixin, PasswordResetConfirmView):
    """Behind the mail's link: sets the password and logs in, which also lifts a lock."""

    template_name = "registration/set_password.html"
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"
    success_url = settings.LOGIN_REDIRECT_URL
    success_message = gettext_lazy("Your password has been changed.")

    def get_user(self, uidb64: str) -> User | None:
        """None also for a user who was deactivated after the mail was sent."""
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None


def seconds_to_wait(request: HttpRequest) -> int:
    """Count a request; the seconds until the client may send another one if it was too many."""
    address = address_of(request)
    return REQUESTS.wait(address) if REQUESTS.is_exceeded(address) else 0


def send_reset_mail(email: str, host: str, secure: bool, language: str) -> None:
    """Send the mail to every active user with the address who has a password."""
    if MAILS.is_exceeded(email.casefold()):
        logger.warning("A password reset mail was not sent: one address had %d.", MAILS.most)
        return
    form = PasswordResetForm({"email": email})
    if not form.is_valid():
        return
    with translation.override(language):
        form.save(
            domain_override=host,
            use_https=secure,
            subject_template_name="registration/reset_subject.txt",
            email_template_name="registration/reset_mail.txt",
            extra_email_context={"minutes": str(settings.PASSWORD_RESET_TIMEOUT // 60)},
        )
