"""What editors fill in."""

from datetime import UTC, datetime

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveblog.editing.idempotency import FIELDS, new_key
from liveblog.models import LONGEST_KEY, BlogUpdate

PRINTABLE = RegexValidator(
    r"\A[!-~]+\Z", _("A key consists of printable ASCII characters without spaces.")
)


class KeyForm(forms.Form):
    """What every write carries: `key`, made here where it is missing, and `version`."""

    key = forms.CharField(
        max_length=LONGEST_KEY, required=False, validators=[PRINTABLE], widget=forms.HiddenInput
    )
    version = forms.IntegerField(
        min_value=-(2**63), max_value=2**63 - 1, required=False, widget=forms.HiddenInput
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = new_key

    def clean_key(self):
        return self.cleaned_data["key"] or new_key()


class UpdateForm(KeyForm, forms.ModelForm):
    """A new update, or the change of `instance`. `version` is then required."""

    PUBLISH, DRAFT = "publish", "draft"

    action = forms.ChoiceField(
        choices=[(PUBLISH, _("Publish")), (DRAFT, _("Save draft"))], required=False
    )

    # The moment that the form was rendered with; `publish_at` shows its minute alone.
    scheduled = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = BlogUpdate
        fields = ["headline", "body", "author", "key_event", "pinned", "publish_at"]
        widgets = {
            "body": forms.Textarea(attrs={"rows": 8}),
            "publish_at": forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
        }
        help_texts = {
            "headline": _("Optional. What happened, in one line."),
            "body": _("Markdown: **bold**, *italic*, > quote, [link](https://…), lists"),
            "key_event": _("Listed under Key events."),
            "pinned": _("Stays at the top."),
            "publish_at": _("In UTC. Leave empty to publish now."),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["version"].required = True
            self.fields["version"].initial = self.instance.version
        if self.instance.publish_at:
            self.fields["scheduled"].initial = self.instance.publish_at.isoformat()

    def clean_publish_at(self) -> datetime | None:
        """The moment in UTC. Without an offset the field means UTC already."""
        moment = self.cleaned_data["publish_at"]
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError(_("This date is out of range.")) from None

    def clean(self) -> dict:
        cleaned = super().clean()
        moment, scheduled = cleaned.get("publish_at"), cleaned.get("scheduled")
        if moment and scheduled and moment == scheduled.replace(second=0, microsecond=0):
            cleaned["publish_at"] = scheduled  # nobody has edited it
        if self.instance.pk and not self.instance.draft:
            published = _("This update is already published.")
            if cleaned.get("action") == self.DRAFT:
                self.add_error("action", published)
            if cleaned.get("publish_at"):
                self.add_error("publish_at", published)
        return cleaned

    def values(self) -> dict:
        """The fields of a write. A draft that is only saved loses the time it was scheduled for."""
        values = {name: value for name, value in self.cleaned_data.items() if name in FIELDS}
        if self.cleaned_data["action"] == self.DRAFT:
            return values | {"draft": True, "publish_at": None}
        moment = values["publish_at"]
        return values | {"draft": moment is not None and moment > timezone.now()}


class PreviewForm(forms.ModelForm):
    """What a preview shows, held to the same rules; a text that is not begun yet is well."""

    body = forms.CharField(required=False)

    class Meta:
        model = BlogUpdate
        fields = ["headline", "body"]
