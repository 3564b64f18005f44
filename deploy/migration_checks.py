"""Which migrations the release that is running cannot live with."""

import re
from collections.abc import Iterable, Iterator

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.operations import (
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, DecimalField, Field

HOW = "See docs/operations.md, What a change requires."
INTEGERS = ("smallint", "integer", "bigint")
TEXT = re.compile(r"varchar(?:\((?P<length>\d+)\))?|text")


class Unsafe(Exception):
    """The running release could not work after a migration. `reason` may be empty."""

    def __init__(self, migration: Migration, operation: Operation, reason: str = "") -> None:
        super().__init__(migration, operation, reason)
        self.migration, self.operation, self.reason = migration, operation, reason

    def __str__(self) -> str:
        what = self.operation.describe() + (f" ({self.reason})" if self.reason else "")
        return f"{self.migration}: {what}: the running release could not work after that. {HOW}"


def unsafe(plan: Iterable[Migration], state: ProjectState) -> Iterator[Unsafe]:
    """What code from before the migrations could not live with.

    A new table concerns nobody yet, so what follows in the same migration may change it at will. A
    migration that was checked by hand says so: `checked_beside_running_code = True`.

    Args:
        plan: the migrations that are missing, in their order.
        state: the models before the first of them; it is changed.
    """
    for migration in plan:
        is_checked = getattr(migration, "checked_beside_running_code", False)
        new = {
            operation.name.lower()
            for operation in migration.operations
            if isinstance(operation, CreateModel)
        }
        for operation in migration.operations:
            name = getattr(operation, "model_name", getattr(operation, "name", "")).lower()
            before = state
            if isinstance(operation, AlterField):
                before = state.clone()  # a state that has made its models is slow to change
            operation.state_forwards(migration.app_label, state)
            if is_checked or name in new:
                continue
            if isinstance(operation, AlterField):
                reason = narrowing(
                    field_of(before, migration.app_label, operation),
                    field_of(state.clone(), migration.app_label, operation),
                )
                if reason:
                    yield Unsafe(migration, operation, reason)
            elif is_unsafe(operation):
                yield Unsafe(migration, operation)


def is_unsafe(operation: Operation) -> bool:
    if isinstance(operation, AddField):
        field = operation.field
        has_default = field.null or field.many_to_many or field.db_default is not NOT_PROVIDED
        return not has_default  # rows of the running release do not have it
    return isinstance(operation, RemoveField | DeleteModel | RenameField | RenameModel)


def field_of(state: ProjectState, app_label: str, operation: AlterField) -> Field:
    model = state.apps.get_model(app_label, operation.model_name)
    found: Field = model._meta.get_field(operation.name)
    return found


def narrowing(old: Field, new: Field) -> str:
    """Why code that has the old field could not write to the new one; empty if it can."""
    if old.column != new.column:
        return "another column"
    if related(old) != related(new):
        return "another table"
    if old.many_to_many and new.many_to_many:
        return ""
    if old.null and not new.null:
        # Also with a db_default: the running release writes NULL, and no default replaces that.
        return "NOT NULL"
    if old.db_default is not NOT_PROVIDED and new.db_default is NOT_PROVIDED and not new.null:
        return "no db_default"
    if (new.unique and not old.unique) or new.primary_key != old.primary_key:
        return "unique"
    if isinstance(old, DecimalField) and isinstance(new, DecimalField):
        places = new.decimal_places - old.decimal_places
        return "" if 0 <= places <= new.max_digits - old.max_digits else "fewer digits"
    before, after = (field.db_parameters(connection) for field in (old, new))
    if after["check"] and after["check"] != before["check"]:
        return "fewer values"
    if not is_wider(str(before["type"] or ""), str(after["type"] or "")):
        return f"{before['type']} becomes {after['type']}"
    return ""


def related(field: Field) -> str | None:
    """The label of the model that a relation points to."""
    model = field.related_model
    return model._meta.label if isinstance(model, type) else None


def is_wider(old: str, new: str) -> bool:
    """Whether a column of the database's new type takes all that the old one does, unchanged."""
    if old == new:
        return True
    if old in INTEGERS and new in INTEGERS:
        return INTEGERS.index(old) < INTEGERS.index(new)
    if (before := TEXT.fullmatch(old)) and (after := TEXT.fullmatch(new)):
        most = after["length"]
        return most is None or (before["length"] is not None and int(before["length"]) <= int(most))
    return False
