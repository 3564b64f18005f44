"""Migrations beside a running release: which are refused, and that they do not wait for long."""

import pytest
from django.db import OperationalError, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, CreateModel, RemoveField, RenameField

from deploy import migrating


def migration(*operations, **attributes):
    found = Migration("0001_test", "liveblog")
    found.operations = list(operations)
    vars(found).update(attributes)
    return found


REMOVAL = RemoveField("blog", "title")


@pytest.mark.parametrize(
    "operation",
    [
        REMOVAL,
        RenameField("blog", "title", "name"),
        AddField("blog", "kind", models.CharField(default="", max_length=5)),
    ],
)
def test_what_the_running_release_cannot_live_with_is_refused(operation):
    [problem] = migrating.unsafe([migration(operation)])
    assert "the running release could not work after that" in str(problem)
    assert operation.describe() in str(problem)


@pytest.mark.parametrize(
    "operation",
    [
        AddField("blog", "kind", models.CharField(db_default="", max_length=5)),
        AddField("blog", "kind", models.CharField(null=True, max_length=5)),
        CreateModel("other", [("id", models.BigAutoField(primary_key=True))]),
    ],
)
def test_additions_are_fine(operation):
    assert list(migrating.unsafe([migration(operation)])) == []


def test_a_new_table_may_be_changed_in_the_same_migration():
    new = CreateModel("other", [("id", models.BigAutoField(primary_key=True))])
    field = AddField("other", "kind", models.CharField(default="", max_length=5))
    assert list(migrating.unsafe([migration(new, field)])) == []


def test_a_migration_that_was_checked_by_hand_is_accepted():
    checked = migration(REMOVAL, checked_beside_running_code=True)
    assert list(migrating.unsafe([checked])) == []


def test_the_newest_migrations_of_the_product_are_accepted():
    ours = {key: each for key, each in MigrationLoader(None).disk_migrations.items()}
    plan = [each for (app, name), each in sorted(ours.items()) if app == "liveblog"]
    refused = {problem.migration.name for problem in migrating.unsafe(plan)}
    assert not {name for name in refused if name > "0010"}


class LockNotAvailable(Exception):
    sqlstate = "55P03"


def test_a_lock_that_is_not_free_is_tried_again(monkeypatch):
    calls = []

    def call_command(*arguments, **options):
        calls.append(arguments)
        if len(calls) < 3:
            raise OperationalError(
                "canceling statement due to lock timeout"
            ) from LockNotAvailable()

    monkeypatch.setattr(migrating, "call_command", call_command)
    monkeypatch.setattr(migrating, "MigrationExecutor", lambda connection: Executor())
    monkeypatch.setattr(migrating, "limit_locks", lambda: None)
    monkeypatch.setattr(migrating.connection, "close", lambda: None)
    monkeypatch.setattr(migrating, "PAUSE", 0)
    migrating.migrate()
    assert len(calls) == 3
    monkeypatch.setattr(migrating, "ATTEMPTS", 1)
    calls.clear()
    with pytest.raises(OperationalError):
        migrating.migrate()


class Executor:
    class loader:
        applied_migrations = {}

        class graph:
            leaf_nodes = staticmethod(list)

    def migration_plan(self, targets):
        return []
