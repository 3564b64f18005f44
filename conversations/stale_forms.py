"""Forms of the admin that refuse to overwrite what changed after they were opened.

A form carries a digest of each value that it shows. When it is sent, those that the database has by
then are compared with it, under the row's lock. Where one differs nothing is saved: the form comes
back and says what changed. What its writer typed stays in it; where nothing was typed it shows the
new value. Sent once more it is saved, for its writer has seen everything then.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from django import forms
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.forms.models import model_to_dict
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

LONGEST_SHOWN = 80  # characters of a value in the sentence that says what it is now


class StaleForm(forms.ModelForm):
    """A form that knows what it showed. `seen` maps the names of fields to digests."""

    seen = forms.JSONField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name in self.fields if name != "seen"]
        self.before = model_to_dict(self.instance, names)  # as the database has it
        if self.instance.pk:
            self.initial["seen"] = self.digests()

    def digests(self) -> dict[str, str]:
        return {name: digest(value) for name, value in self.before.items()}

    @property
    def changed_data(self) -> list[str]:
        return [name for name in super().changed_data if name != "seen" and not self.is_same(name)]

    def is_same(self, name: str) -> bool:
        """Whether a text or time differs from the stored one in what no form can keep, at most.

        Browsers send two characters for each line end, and a field for times has no microseconds.
        """
        sent = getattr(self, "cleaned_data", {}).get(name)
        return isinstance(sent, str | datetime) and digest(sent) == digest(self.before.get(name))

    def clean(self) -> dict | None:
        cleaned = super().clean()
        seen = self.cleaned_data.get("seen")
        if self.instance.pk and isinstance(seen, dict):
            changed = self.changed_since(seen)
            if changed:
                self.show(changed, seen)
                raise forms.ValidationError(self.sentences(changed))
        self.cleaned_data |= {n: self.before[n] for n in self.before if self.is_same(n)}
        return cleaned

    def changed_since(self, seen: Mapping[str, object]) -> list[models.Field]:
        """The model's fields whose values are not those that the writer saw."""
        changed = []
        for name, shown in seen.items():
            try:
                field = self.instance._meta.get_field(name)
            except FieldDoesNotExist:
                continue
            if field.concrete and digest(field.value_from_object(self.instance)) != shown:
                changed.append(field)
        return changed

    def show(self, changed: list[models.Field], seen: Mapping[str, object]) -> None:
        """Put the new values where nothing was typed: sent once more, the form has seen them."""
        self.data = self.data.copy()
        for field in changed:
            typed = self.cleaned_data.get(field.name)
            if field.name in self.fields and digest(typed) == seen[field.name]:
                self.put(field.name, field.value_from_object(self.instance))
        self.put("seen", self.fields["seen"].prepare_value(self.digests()))

    def put(self, name: str, value: object) -> None:
        """Set a field of the data as a browser would send it."""
        widget, key = self.fields[name].widget, self.add_prefix(name)
        if isinstance(widget, forms.MultiWidget):
            for suffix, part in zip(widget.widgets_names, widget.decompress(value), strict=True):
                self.data[key + suffix] = part
        else:
            self.data[key] = self.fields[name].prepare_value(value)

    def sentences(self, changed: list[models.Field]) -> list[str]:
        first = _(
            "Nothing was saved: somebody has changed this since you opened it. "
            "What you typed is still here; save again to write it over that."
        )
        return [first, *(self.sentence(field) for field in changed)]

    def sentence(self, field: models.Field) -> str:
        value = getattr(self.instance, field.name)
        if field.choices:
            value = getattr(self.instance, f"get_{field.name}_display")()
        elif isinstance(value, bool):
            value = _("yes") if value else _("no")
        elif isinstance(value, datetime):
            value = localize(localtime(value))
        text = Truncator(str("" if value is None else value)).chars(LONGEST_SHOWN)
        name = str(field.verbose_name).capitalize()
        if not text:
            return _("%(field)s is now empty.") % {"field": name}
        return _("%(field)s is now “%(value)s”.") % {"field": name, "value": text}


def digest(value: object) -> str:
    """Equal for values that a form cannot tell apart: line ends, and parts of a second."""
    if isinstance(value, models.Model):
        value = value.pk
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(microsecond=0)
    text = "" if value is None else str(value).replace("\r\n", "\n").strip()
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


class StaleFormsAdmin(admin.ModelAdmin):
    """Uses StaleForm, and holds the row from the comparison until it is saved."""

    form = StaleForm

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        fields = [*super().get_fields(request, obj)]
        if obj is not None and self.has_change_permission(request, obj):
            fields.append("seen")
        return fields

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> models.Model | None:
        row = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "POST":
            self.lock(row)
            row = super().get_object(request, object_id, from_field)
        return row

    def lock(self, row: models.Model) -> None:
        """Keep every other writer of the row waiting until the transaction ends."""
        rows = type(row)._base_manager.select_for_update()
        list(rows.filter(pk=row.pk).values_list("pk"))
