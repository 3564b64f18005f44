"""The forms of the editor's page."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.json_text import encode
from liveblog.editing.idempotency import new_key
from liveblog.fields import CONTENT, LONGEST_KEY, TEXTS, Values, as_values
from liveblog.models import BlogUpdate

PRINTABLE = RegexValidator(
    r"\A[!-~]+\Z", _("A key consists of printable ASCII characters without spaces.")
)


class KeyForm(forms.Form):
    """The fields of every write: `key`, made here where it is missing, and `version`."""

    key = forms.CharField(
        max_length=LONGEST_KEY, required=False, validators=[PRINTABLE], widget=forms.HiddenInput
    )
    version = forms.IntegerField(
        min_value=-(2**63), max_value=2**63 - 1, required=False, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = new_key

    def clean_key(self) -> str:
        return self.cleaned_data["key"] or new_key()


class UpdateForm(KeyForm, forms.ModelForm):
    """A new update, or the change of `instance`. `version` is then required."""

    PUBLISH, DRAFT = "publish", "draft"

    action = forms.ChoiceField(
        choices=[(PUBLISH, _("Publish")), (DRAFT, _("Save draft"))], required=False
    )

    # The time that the form was rendered with; `publish_at` shows only its minutes.
    scheduled = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    # When the page's script sent it for the first time. Lost connections may delay a write until
    # its time has passed; then it is due, and not a mistake.
    pressed = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = BlogUpdate
        fields = [*CONTENT, "publish_at"]  # `action` says whether it is a draft
        widgets = {
            "body": forms.Textarea(attrs={"rows": 8}),
            "correction": forms.Textarea(attrs={"rows": 2}),
            "publish_at": forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
        }
        help_texts = {
            "headline": _("Optional. What happened, in one line."),
            "body": _("Markdown: **bold**, *italic*, > quote, [link](https://…), lists"),
            "key_event": _("Listed under Key events."),
            "pinned": _("Stays at the top."),
            "publish_at": _("In UTC. Leave empty to publish now."),
        }

    def __init__(self, *args: Any, past: dict[str, str] | None = None, **kwargs: Any) -> None:
        """`past`: texts that the form shows instead of the row's."""
        super().__init__(*args, initial=past, **kwargs)
        for name in TEXTS:
            self.fields[name].widget.attrs["dir"] = "auto"  # Arabic and Hebrew begin on the right
        for name in ("headline", "body"):
            self.fields[name].widget.attrs["placeholder"] = self.fields[name].help_text
        # The row's own texts as JSON, so that the page's script can tell what was replaced.
        self.stored = past and encode({name: getattr(self.instance, name) for name in TEXTS})
        if self.instance.pk:
            self.fields["version"].required = True
            self.fields["version"].initial = self.instance.version
        # Kept, because validation sets the instance's fields.
        self.was_scheduled_for: datetime | None = self.instance.publish_at
        if self.instance.publish_at:
            self.fields["scheduled"].initial = self.instance.publish_at.isoformat()

    def clean_publish_at(self) -> datetime | None:
        """The time in UTC. Without an offset it is in UTC already."""
        moment = self.cleaned_data["publish_at"]
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError(_("This date is out of range.")) from None

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        moment, scheduled = cleaned.get("publish_at"), cleaned.get("scheduled")
        if moment and scheduled and moment == scheduled.replace(second=0, microsecond=0):
            cleaned["publish_at"] = scheduled  # nobody has edited it
        if self.instance.pk and not self.instance.draft:
            published = _("This update is already published.")
            if cleaned.get("action") == self.DRAFT:
                self.add_error("action", published)
            if cleaned.get("publish_at"):
                self.add_error("publish_at", published)
        elif self.is_too_late():
            self.add_error(
                "publish_at",
                _("This time has passed. Choose a later one, or leave it empty to publish now."),
            )
        return cleaned

    def is_too_late(self) -> bool:
        """Whether the time had already passed when the writer chose it."""
        moment = self.cleaned_data.get("publish_at")
        if not moment or moment > timezone.now() or moment == self.was_scheduled_for:
            return False
        pressed = self.cleaned_data.get("pressed")
        return not pressed or pressed >= moment

    def values(self) -> Values:
        """The fields of a write. Saving as a draft schedules nothing, but keeps a schedule."""
        moment: datetime | None = self.cleaned_data["publish_at"]
        if self.cleaned_data["action"] == self.DRAFT:
            draft, moment = True, moment if self.was_scheduled_for else None
        else:
            draft = moment is not None and moment > timezone.now()
        content = {name: self.cleaned_data[name] for name in CONTENT}
        if "correction" not in self.data:
            del content["correction"]  # from a page of the last release, which lacks the field
        return as_values(content | {"draft": draft, "publish_at": moment})


class PreviewForm(forms.ModelForm):
    """The fields of a preview, with UpdateForm's rules, but the text may be empty."""

    body = forms.CharField(required=False)

    class Meta:
        model = BlogUpdate
        fields = ["headline", "body"]
