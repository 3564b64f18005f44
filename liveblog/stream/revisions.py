"""Querysets whose bulk operations take revisions.

Every change of a blog takes the blog's next revision, so that a reader can request everything after
the last one it has. A bulk statement would skip that; here bulk operations save row by row.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.db import models, transaction

Row = TypeVar("Row", bound=models.Model)


def whole_number(value: object) -> int | None:
    """The value as a non-negative integer of at most 63 bits, or None. Takes an int or digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None  # JSON's true is not a number here
    if not re.fullmatch(r"[0-9]{1,19}", str(value)):
        return None
    number = int(value)
    return number if number < 2**63 else None


def evaluate(row: models.Model, using: str) -> None:
    """Replace the expressions of a stored row, such as F(), by the values the database computes."""
    waiting: dict[str, models.ExpressionWrapper[Any]] = {}
    for field in row._meta.concrete_fields:
        value = row.__dict__.get(field.attname)
        if hasattr(value, "resolve_expression"):
            waiting[field.attname] = models.ExpressionWrapper(value, output_field=field)
    if waiting:
        found: models.QuerySet[Any] = models.QuerySet(type(row), using=using).filter(pk=row.pk)
        for name, value in zip(waiting, found.values_list(*waiting.values()).get(), strict=True):
            setattr(row, name, value)


def as_stored(row: Row, using: str | None, update_fields: Collection[str] | None) -> Row:
    """The saved row as the database has it: with update_fields, other fields may be out of date."""
    if update_fields is None:
        return row
    return models.QuerySet(type(row), using=using).get(pk=row.pk)


class RevisionedQuerySet(models.QuerySet[Row]):
    """Bulk changes go through each row's save() and delete(), in one transaction."""

    def locked(self) -> list[Row]:
        """The rows, locked until the transaction ends."""
        return list(self.select_for_update())

    def update(self, **values: Any) -> int:
        """Set the values on every row and save it. Returns the number of rows."""
        with transaction.atomic(using=self.db):
            rows = self.locked()
            for row in rows:
                for name, value in values.items():
                    setattr(row, name, value)
                row.save(using=self.db)
        return len(rows)

    update.alters_data = True  # type: ignore[attr-defined]  # for templates: they must not call it

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete row by row. Returns (number of rows, {label: number}) as Django's does."""
        with transaction.atomic(using=self.db):
            rows = self.locked()
            for row in rows:
                row.delete(using=self.db)
        return len(rows), {self.model._meta.label: len(rows)}

    delete.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Row],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Row]:
        """Save one by one; Django's options for conflicts have no meaning here."""
        if ignore_conflicts or update_conflicts:
            raise ValueError("A change that takes a revision cannot ignore or merge conflicts.")
        objs = list(objs)
        with transaction.atomic(using=self.db):
            for obj in objs:
                obj.save(force_insert=True, using=self.db)
        return objs

    def bulk_update(
        self, objs: Iterable[Row], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Save one by one. Returns the number of rows."""
        objs = list(objs)
        with transaction.atomic(using=self.db):
            for obj in objs:
                obj.save(update_fields=list(fields), using=self.db)
        return len(objs)
