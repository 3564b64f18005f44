"""Migrates the database under the running site.

A statement that changes a table waits for a lock, and while it waits, all later readers of the
table wait behind it. So it gives up soon, and is tried again.
"""

import time
from collections.abc import Iterator

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import (
    AddField,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

LOCK_TIMEOUT = 2000  # ms; a reader forgives it
ATTEMPTS = 15
PAUSE = 1.0  # s; lets those who waited go on
HOW = "See docs/operations.md, What a change requires."


class Unsafe(Exception):
    """The running release could not work after a migration."""

    def __init__(self, migration: Migration, operation: Operation) -> None:
        super().__init__(migration, operation)
        self.migration, self.operation = migration, operation

    def __str__(self) -> str:
        what = self.operation.describe()
        return f"{self.migration}: {what}: the running release could not work after that. {HOW}"


def migrate() -> None:
    """Apply what is missing. Raises Unsafe before anything is changed, and Django's errors."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if executor.loader.applied_migrations:  # there is a running release
        for problem in unsafe([migration for migration, _ in plan]):
            raise problem
    for attempt in range(1, ATTEMPTS + 1):
        try:
            limit_locks()
            call_command("migrate", verbosity=0, interactive=False)
            return
        except OperationalError as error:
            if not is_lock_timeout(error) or attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE)
        finally:
            connection.close()  # with its lock_timeout


def limit_locks() -> None:
    """SQLite has one lock for all; its own timeout is in the settings."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")


def is_lock_timeout(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == "55P03"  # lock_not_available


def unsafe(plan: list[Migration]) -> Iterator[Unsafe]:
    """What code from before the migrations could not live with.

    A new table concerns nobody yet, so what follows in the same plan may change it at will. A
    migration that was checked by hand says so: `checked_beside_running_code = True`.
    """
    for migration in plan:
        if getattr(migration, "checked_beside_running_code", False):
            continue
        new = {
            operation.name.lower()
            for operation in migration.operations
            if isinstance(operation, CreateModel)
        }
        for operation in migration.operations:
            name = getattr(operation, "model_name", getattr(operation, "name", "")).lower()
            if name not in new and is_unsafe(operation):
                yield Unsafe(migration, operation)


def is_unsafe(operation: Operation) -> bool:
    if isinstance(operation, AddField):
        field = operation.field
        has_default = field.null or field.many_to_many or field.db_default is not NOT_PROVIDED
        return not has_default  # rows of the running release do not have it
    return isinstance(operation, RemoveField | DeleteModel | RenameField | RenameModel)
