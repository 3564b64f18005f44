"""Forms of the admin that refuse to overwrite what changed after they were opened.

A form carries a digest of each value that it shows. When it is sent, the digests are compared with
the values in the database, under the row's lock. If one differs nothing is saved: the form is shown
again and says what changed. It keeps what the user typed; a field in which nothing was typed shows
the new value. Sent once more it is saved, since the user has seen the new values.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.forms.models import model_to_dict
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.formats import localize
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

LONGEST_SHOWN = 80  # characters of a value in the sentence that says what it is now


class StaleForm(forms.ModelForm):
    """A form that carries what it showed. `seen` maps the names of fields to digests."""

    seen = forms.JSONField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
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
        """Whether a text or time equals the stored one but for what a form cannot keep.

        Browsers send two characters for each line end, and a field for times has no microseconds.
        """
        sent = getattr(self, "cleaned_data", {}).get(name)
        return isinstance(sent, str | datetime) and digest(sent) == digest(self.before.get(name))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        seen = self.cleaned_data.get("seen")
        if self.instance.pk and isinstance(seen, dict):
            changed = self.changed_since(seen)
            if changed:
                self.show(changed, seen)
                raise forms.ValidationError(self.sentences(changed))
        self.cleaned_data |= {n: self.before[n] for n in self.before if self.is_same(n)}
        return cleaned

    def changed_since(self, seen: Mapping[str, object]) -> list["models.Field[Any, Any]"]:
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

    def show(self, changed: list["models.Field[Any, Any]"], seen: Mapping[str, object]) -> None:
        """Show the new values where nothing was typed, and the digests of them all."""
        assert isinstance(self.data, MultiValueDict)  # the admin passes request.POST
        data = self.data.copy()
        for field in changed:
            typed = self.cleaned_data.get(field.name)
            if field.name in self.fields and digest(typed) == seen[field.name]:
                self.put(data, field.name, field.value_from_object(self.instance))
        self.put(data, "seen", self.fields["seen"].prepare_value(self.digests()))
        self.data = data

    def put(self, data: "MultiValueDict[str, Any]", name: str, value: object) -> None:
        """Set a field in `data` as a browser would send it."""
        widget, key = self.fields[name].widget, self.add_prefix(name)
        if isinstance(widget, forms.MultiWidget):
            suffixes = widget.widgets_names  # type: ignore[attr-defined]  # django-stubs lacks it
            for suffix, part in zip(suffixes, widget.decompress(value) or (), strict=True):
                data[key + suffix] = part
        else:
            data[key] = self.fields[name].prepare_value(value)

    def sentences(self, changed: list["models.Field[Any, Any]"]) -> list[str]:
        first = _(
            "Nothing was saved: somebody has changed this since you opened it. "
            "What you typed is still here; save again to write it over that."
        )
        return [first, *(self.sentence(field) for field in changed)]

    def sentence(self, field: "models.Field[Any, Any]") -> str:
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

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
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
