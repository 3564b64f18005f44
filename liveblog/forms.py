"""What editors fill in."""

from django import forms
from django.utils.translation import gettext_lazy as _

from liveblog.models import BlogUpdate


class UpdateForm(forms.ModelForm):
    class Meta:
        model = BlogUpdate
        fields = ["headline", "body", "author", "key_event", "pinned"]
        widgets = {"body": forms.Textarea(attrs={"rows": 8})}
        help_texts = {
            "headline": _("Optional. One line that says what happened."),
            "body": _("Markdown: **bold**, *italic*, > quote, [link](https://…), lists."),
            "key_event": _("Readers find it by its mark."),
            "pinned": _("Stays above all others."),
        }
