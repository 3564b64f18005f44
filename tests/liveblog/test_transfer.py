"""Export and import: what goes out comes in again, and what is no export changes nothing."""

import copy
import importlib
import io
import json
import signal
import sys
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading import transfer
from liveblog.reading.transfer import document

# `import` is a keyword.
importing = importlib.import_module("liveblog.management.commands.import")

pytestmark = pytest.mark.django_db
ADDRESS = "/liveblog/demo/export"


@pytest.fixture
def blog():
    blog = LiveBlog.objects.create(slug="demo", title="Démo", description="One\ntwo")
    first = BlogUpdate.objects.create(blog=blog, body="Before 中", author="Jo", key_event=True)
    first.body, first.pinned = "After 中", True
    first.save()
    BlogUpdate.objects.create(blog=blog, body="A secret").delete()
    BlogUpdate.objects.create(blog=blog, body="Unready", headline="Draft", draft=True)
    later = timezone.now() + timedelta(days=1)
    BlogUpdate.objects.create(blog=blog, body="Later", publish_at=later)
    BlogUpdate.objects.create(blog=blog, body="**Last**", headline="<Last>")
    blog.state, blog.chat = "ended", True
    blog.starts_at = timezone.now() - timedelta(days=1)
    blog.save()
    return blog


@pytest.fixture
def exported(blog):
    return document(blog)


def run(*args, **options):
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def bring(tmp_path):
    """Import a value, or bytes, from a file."""

    def bring(value, *options):
        path = tmp_path / "blog.json"
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return run("import", str(path), *options)

    return bring


def test_an_import_makes_an_equal_blog_with_revisions_of_its_own(blog, bring):
    text = run("export", "demo")
    assert "secret" not in text
    printed = bring(text.encode(), "--slug", "copy")
    assert printed == "Imported 4 updates: /liveblog/copy/\n"
    copied = LiveBlog.objects.get(slug="copy")
    made = document(copied)
    made["blog"]["slug"] = "demo"
    assert made == json.loads(text)
    revisions = copied.updates.visible().order_by("pk").values_list("revision", flat=True)
    assert list(revisions) == [1, 2] and copied.revision == 2
    assert copied.updates.hidden().count() == 2


def test_an_export_of_a_release_without_a_field_is_imported(exported, bring):
    del exported["blog"]["starts_at"]
    bring(exported, "--slug", "copy")
    assert LiveBlog.objects.get(slug="copy").starts_at is None


@pytest.fixture
def small_batches(monkeypatch):
    """Each update is a batch of its own."""
    monkeypatch.setattr(transfer, "BATCH", 0)
    monkeypatch.setattr(importing, "PAUSE", 0)


def test_an_import_that_is_interrupted_goes_on_where_it_was(
    exported, bring, small_batches, monkeypatch
):
    exported["blog"]["slug"] = "copy"
    load_batch = importing.load_batch

    def interrupted(document, blog, position):
        position = load_batch(document, blog, position)
        if position == 2:
            signal.raise_signal(signal.SIGINT)
        return position

    monkeypatch.setattr(importing, "load_batch", interrupted)
    with pytest.raises(CommandError, match=r"^2 of 4 updates are imported\. The same command"):
        bring(exported)
    assert LiveBlog.objects.get(slug="copy").updates.count() == 2
    assert bring(exported) == "Imported 4 updates: /liveblog/copy/\n"
    made = document(LiveBlog.objects.get(slug="copy"))
    assert made == exported


def test_an_import_of_what_is_there_does_nothing(exported, bring):
    exported["blog"]["slug"] = "copy"
    bring(exported)
    before = LiveBlog.objects.get(slug="copy").revision
    assert bring(exported) == "Imported 4 updates: /liveblog/copy/\n"
    assert LiveBlog.objects.get(slug="copy").revision == before


def test_an_import_outlives_a_database_that_is_away(exported, bring, small_batches, monkeypatch):
    exported["blog"]["slug"] = "copy"
    load_batch, failures = importing.load_batch, iter([False, True, False, True])
    monkeypatch.setattr(importing, "RETRY_DELAY", 0)
    monkeypatch.setattr(importing.connection, "close", lambda: None)  # the test's transaction

    def failing(document, blog, position):
        position = load_batch(document, blog, position)
        if next(failures, False):
            raise OperationalError("the connection was lost after the commit")
        return position

    monkeypatch.setattr(importing, "load_batch", failing)
    bring(exported)
    assert document(LiveBlog.objects.get(slug="copy")) == exported


def test_an_import_ends_with_a_sentence_where_the_database_stays_away(exported, bring, monkeypatch):
    exported["blog"]["slug"] = "copy"
    monkeypatch.setattr(importing, "RETRY_FOR", 0)
    monkeypatch.setattr(importing.connection, "close", lambda: None)

    def away(*_):
        raise OperationalError("database is locked\nLINE 1")

    monkeypatch.setattr(importing, "load_batch", away)
    sentence = r"^0 of 4 updates are imported\. The database did not take it: database is locked\."
    with pytest.raises(CommandError, match=sentence):
        bring(exported)


def test_import_reads_standard_input(exported, monkeypatch):
    exported["blog"]["slug"] = "copy"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(exported).encode())))
    run("import", "-")
    assert LiveBlog.objects.filter(slug="copy").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(format="other"), "The file: it is no export of a live blog."),
        (lambda d: d.update(version=2), "The file: it has version 2, not 1."),
        (lambda d: d.pop("updates"), "The file: it must hold format, version, blog and updates"),
        (lambda d: d.update(updates={}), "updates: it must be a list."),
        (lambda d: d["updates"].append(None), "update 5: it must be an object."),
        (lambda d: d["updates"][3].pop("body"), "update 4: the field 'body' is missing."),
        (lambda d: d["updates"][3].update(x=1), "update 4: the field 'x' is not known."),
        (lambda d: d["updates"][3].update(pinned=1), "the field 'pinned' must be true or false."),
        (lambda d: d["updates"][3].update(body=" "), "update 4: body: This field cannot be blank."),
        (lambda d: d["updates"][3].update(body="x" * 20_001), "update 4: body: Ensure"),
        (lambda d: d["updates"][3].update(body="\0"), "holds what no database stores."),
        (lambda d: d["updates"][3].update(author="\ud800"), "holds what no database stores."),
        (lambda d: d["updates"][3].update(created=None), "'created' must be a time with"),
        (lambda d: d["updates"][3].update(created="2024-01-01"), "'created' must be a time with"),
        (
            lambda d: d["updates"][3].update(created="0001-01-01T00:00:00+14:00"),
            "'created' must be a time with",
        ),
        (
            lambda d: d["updates"][3].update(publish_at="2024-01-01T00:00:00Z"),
            "update 4: publish_at: What is published cannot be scheduled.",
        ),
        (lambda d: d["blog"].update(state="never"), "blog: state: Value 'never'"),
        (lambda d: d["blog"].update(slug="a b"), "blog: slug: Enter a valid"),
        (
            lambda d: d["blog"].update(slug="demo", created="2024-01-01T00:00:00Z"),
            "blog: slug: Live blog with this Slug",
        ),
        (
            lambda d: [d["blog"].update(slug="demo"), d["updates"][1].update(body="Other")],
            "blog: slug: Live blog with this Slug",
        ),
        (lambda d: d["blog"].update(title=""), "blog: title: This field cannot be blank."),
    ],
)
def test_what_is_no_export_is_refused_with_a_sentence_and_changes_nothing(
    exported, bring, change, sentence
):
    found = copy.deepcopy(exported)
    found["blog"]["slug"] = "copy"
    change(found)
    with pytest.raises(CommandError) as refusal:
        bring(found)
    said = str(refusal.value)
    assert said.startswith("Nothing was imported. ") and sentence in said
    assert said.endswith(".") and "\n" not in said
    assert LiveBlog.objects.get().slug == "demo"
    assert BlogUpdate.objects.count() == 5


@pytest.mark.parametrize("text", [b"", b"[", b"\xff", b"[1]", b"null", b"[" * 100_000])
def test_a_file_of_something_else_is_refused(bring, text):
    with pytest.raises(CommandError, match=r"Nothing was imported\. The file: it is no"):
        bring(text)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(CommandError, match="No such file or directory"):
        run("import", "/nowhere/blog.json")


def test_an_unknown_blog_cannot_be_exported(blog):
    with pytest.raises(CommandError, match="There is no live blog 'x'; there are: demo"):
        run("export", "x")


def test_a_database_that_cannot_be_read_is_said(monkeypatch):
    def away(*_, **__):
        raise OperationalError("no such table: liveblog_liveblog")

    monkeypatch.setattr(LiveBlog.objects, "filter", away)
    with pytest.raises(CommandError, match="The database cannot be read: no such table"):
        run("export", "demo")


def test_the_html_is_what_readers_see_and_nothing_more(blog):
    page = run("export", "demo", "--html")
    assert "<strong>Last</strong>" in page and "&lt;Last&gt;" in page
    for text in ("secret", "Unready", "Later", "<script"):
        assert text not in page
    assert page.index("After") < page.index("Last</strong>")


def test_staff_download_both(client, blog):
    client.force_login(User.objects.create_user("mara", is_staff=True))
    response = client.get(f"{ADDRESS}.json")
    assert response.json() == document(blog)
    assert response["Content-Disposition"] == 'attachment; filename="demo.json"'
    assert "no-store" in response["Cache-Control"]
    response = client.get(f"{ADDRESS}.html")
    assert b"<strong>Last</strong>" in response.content and b"Unready" not in response.content
    assert f'href="{ADDRESS}.json"' in client.get("/liveblog/demo/edit/").content.decode()
    assert client.get("/liveblog/nothing/export.json").status_code == 404


def test_nobody_else_does(client, blog):
    assert client.get(f"{ADDRESS}.json").url.startswith("/accounts/login/")
    client.force_login(User.objects.create_user("jo"))
    assert client.get(f"{ADDRESS}.json").status_code == 403
