"""Migrations beside a running release: which are refused, and that they do not wait for long."""

import pytest
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddField,
    AlterField,
    CreateModel,
    RemoveField,
    RenameField,
)
from django.db.migrations.state import ProjectState

from deploy.migration_checks import unsafe


def migration(*operations, **attributes):
    found = Migration("0001_test", "liveblog")
    found.operations = list(operations)
    vars(found).update(attributes)
    return found


REMOVAL = RemoveField("blog", "title")
KEY = ("id", models.BigAutoField(primary_key=True))


def problems(*operations, fields=(), **attributes):
    """What is refused of a migration; the table `blog` has these fields before."""
    state = ProjectState()
    title = ("title", models.CharField(max_length=80))
    CreateModel("person", [KEY]).state_forwards("liveblog", state)
    CreateModel("blog", [KEY, title, *fields]).state_forwards("liveblog", state)
    return list(unsafe([migration(*operations, **attributes)], state))


@pytest.mark.parametrize(
    "operation",
    [
        REMOVAL,
        RenameField("blog", "title", "name"),
        AddField("blog", "kind", models.CharField(default="", max_length=5)),
    ],
)
def test_what_the_running_release_cannot_live_with_is_refused(operation):
    [problem] = problems(operation)
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
    assert problems(operation) == []


def text(most, **options):
    return models.CharField(max_length=most, **options)


def person(**options):
    return models.ForeignKey("liveblog.person", models.CASCADE, **options)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (text(9), text(8), "varchar(9) becomes varchar(8)"),
        (models.TextField(), text(9), "text becomes varchar(9)"),
        (text(9), models.IntegerField(), "varchar(9) becomes integer"),
        (text(9, null=True), text(9), "NOT NULL"),
        (text(9, null=True), text(9, db_default=""), "NOT NULL"),
        (text(9, db_default=""), text(9, default=""), "no db_default"),
        (text(9), text(9, unique=True), "unique"),
        (text(9), text(9, db_column="sort"), "another column"),
        (models.BigIntegerField(), models.IntegerField(), "bigint becomes integer"),
        (models.IntegerField(), models.PositiveIntegerField(), "fewer values"),
        (models.DateTimeField(), models.DateField(), "datetime becomes date"),
        (
            models.DecimalField(max_digits=8, decimal_places=2),
            models.DecimalField(max_digits=9, decimal_places=4),
            "fewer digits",
        ),
        (person(), models.ForeignKey("liveblog.blog", models.CASCADE), "another table"),
    ],
)
def test_a_narrower_column_is_refused(old, new, reason):
    [problem] = problems(AlterField("blog", "kind", new), fields=[("kind", old)])
    assert f"({reason})" in str(problem)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (text(9), text(10)),
        (text(9), models.TextField()),
        (text(9), text(9, null=True)),
        (text(9), text(9, db_default="", choices=[("a", "A")], help_text="Which kind")),
        (text(9, unique=True), text(9)),
        (models.SlugField(max_length=9), models.URLField(max_length=20, db_index=False)),
        (models.IntegerField(), models.BigIntegerField()),
        (
            models.DecimalField(max_digits=8, decimal_places=2),
            models.DecimalField(max_digits=10, decimal_places=4),
        ),
        (person(), person(null=True, related_name="+")),
        (models.ManyToManyField("liveblog.person"), models.ManyToManyField("liveblog.person")),
    ],
)
def test_a_wider_column_is_fine(old, new):
    assert problems(AlterField("blog", "kind", new), fields=[("kind", old)]) == []


def test_a_column_is_compared_with_what_the_migrations_before_left():
    """Of two in one plan, the second narrows what the first has widened."""
    wider, back = AlterField("blog", "title", text(99)), AlterField("blog", "title", text(80))
    [problem] = problems(wider, back)
    assert problem.operation is back


def test_a_new_table_may_be_changed_in_the_same_migration():
    new = CreateModel("other", [("id", models.BigAutoField(primary_key=True))])
    field = AddField("other", "kind", models.CharField(default="", max_length=5))
    narrower = AlterField("other", "kind", models.CharField(default="", max_length=4))
    assert problems(new, field, narrower) == []


def test_a_migration_that_was_checked_by_hand_is_accepted():
    assert problems(REMOVAL, checked_beside_running_code=True) == []


def test_the_newest_migrations_of_the_product_are_accepted():
    graph = MigrationLoader(None).graph
    nodes = dict.fromkeys(node for leaf in graph.leaf_nodes() for node in graph.forwards_plan(leaf))
    plan = [graph.nodes[node] for node in nodes]
    refused = [problem.migration for problem in unsafe(plan, ProjectState())]
    assert not [each for each in refused if each.app_label == "liveblog" and each.name > "0010"]
