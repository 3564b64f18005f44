"""The forms of the team's page and of an invitation."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from liveblog.models import Invitation
from liveblog.teams.models import Role


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)

    def chosen(self) -> Role:
        return Role(self.cleaned_data["role"])


class InviteForm(RoleForm, forms.ModelForm):
    """The address is asked for only where the site sends mail."""

    class Meta:
        model = Invitation
        fields = ["role", "email"]
        labels = {"email": _("Email address")}
        help_texts = {"email": _("Optional. Leave empty to get a link that you send yourself.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.MAIL_IS_CONFIGURED:
            del self.fields["email"]


class SignUpForm(UserCreationForm):
    """A new user: name and password, nothing that grants rights."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("first_name", "username", "email")
        labels = {"first_name": _("Your name"), "email": _("Email address")}
        help_texts = {
            "first_name": _("Shown to your team, and with your updates."),
            "username": _("For logging in. Letters, digits and @ . + - _ only."),
            "email": _("Optional. Needed to reset a forgotten password."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["first_name"].required = True
        self.fields["username"].widget.attrs.pop("autofocus", None)
        for name, purpose in (("first_name", "name"), ("email", "email")):
            self.fields[name].widget.attrs["autocomplete"] = purpose
