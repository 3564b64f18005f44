"""Backup and restore: readers get from the restored site what they got from the other one."""

import http.cookies
import json
import re
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psycopg
import pytest

from tests.e2e.stack import Stack
from tests.e2e.test_database_lock import add_user, log_in
from tests.postgresql import PostgresServer

LOST = 3  # posts after the backup
WRITES = """
from django.core.files.uploadedfile import SimpleUploadedFile
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import images
from tests.liveblog.pictures import encoded, picture
blog = LiveBlog.objects.get(slug={slug!r})
address = images.store_picture(SimpleUploadedFile("x.png", encoded(picture()))).address
post = BlogUpdate.objects.create(blog=blog, headline="One", body=f"![Red]({{address}})")
post.pinned = True
post.save()
BlogUpdate.objects.create(blog=blog, body="A secret").delete()
BlogUpdate.objects.create(blog=blog, body="Not ready", draft=True)
print(address)
"""


@contextmanager
def posting(stack: Stack, slug: str) -> Iterator[None]:
    """Another process posts without a pause while the context lasts."""
    done = Event()

    def post() -> None:
        while not done.is_set():
            stack.shell(
                "from liveblog.models import BlogUpdate, LiveBlog;"
                f"blog = LiveBlog.objects.get(slug={slug!r});"
                "[BlogUpdate.objects.create(blog=blog, body=str(n)) for n in range(20)]"
            )

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(post)
        try:
            yield
        finally:
            done.set()
            writer.result()


def read(stack: Stack, path: str, **headers: str) -> bytes:
    request = urllib.request.Request(f"http://{stack.address}{path}", headers=headers)
    return urllib.request.urlopen(request).read()


def posts(stack: Stack, slug: str) -> list[str]:
    """The posts on the reader's page, as HTML."""
    page = read(stack, f"/liveblog/{slug}/").decode()
    return re.findall(r"<article.*?</article>", page, re.S)


def updates(stack: Stack, slug: str) -> dict[str, object]:
    found = json.loads(read(stack, f"/liveblog/{slug}/updates.json?after=0"))
    assert isinstance(found.pop("revision"), int)
    return found


def backup(stack: Stack, folder: Path) -> Path:
    done = stack.manage("backup", str(folder))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.partition(",")[0])


def test_readers_get_from_a_restored_site_what_they_got_before(stack, blog, tmp_path):
    busy = f"{blog}-busy"
    stack.shell(f"from liveblog.models import LiveBlog; LiveBlog.objects.create(slug={busy!r})")
    address = stack.shell(WRITES.format(slug=blog)).strip()
    add_user(stack)
    cookies = http.cookies.SimpleCookie()
    for header in log_in(stack).headers.get_all("Set-Cookie"):
        cookies.load(header)
    session = f"sessionid={cookies['sessionid'].value}"
    with posting(stack, busy):
        archive = backup(stack, tmp_path)
    database = Path(stack.folder.name) / "db.sqlite3"
    assert archive.stat().st_mode & 0o777 == database.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]
    with pytest.raises(AssertionError, match="Stop it first, on every host. Nothing was changed."):
        call(stack, "restore", str(archive), replace=True)
    before = updates(stack, blog), posts(stack, blog), read(stack, address)
    head = json.loads(read(stack, f"/liveblog/{blog}/updates.json?after=0"))["revision"]

    restored = Stack(API_TOKENS="another token")
    done = restored.manage("restore", str(archive))
    assert done.returncode == 0, done.stderr
    assert "former database" not in done.stdout  # there was none
    differing = re.search(r"Set differently than in the backup: (.*?)\. See (.*)\.", done.stdout)
    assert {"API_TOKENS", "EMBED_ORIGINS"} <= set(differing[1].split(", "))
    assert Path(differing[2]).stat().st_mode & 0o777 == 0o600
    with restored:
        assert (updates(restored, blog), posts(restored, blog), read(restored, address)) == before
        assert b"jo" in read(restored, "/accounts/balance/", Cookie=session)
        # Each write of the other process was one transaction, and so it is in the backup.
        rows = updates(restored, busy)["updates"]
        assert [row["revision"] for row in rows] == list(range(1, len(rows) + 1)) or len(rows) == 50
        # A page that has what was lost gets the newest page, also after new posts.
        call(restored, "post", blog, "After the restore")
        with restored.reader(blog, after=head + LOST) as reader:
            frame = reader.frame()
            assert frame["reset"] and frame["revision"] > head + LOST
            assert "After the restore" in frame["updates"][0]["content"]
        with restored.reader(blog, after=head) as reader:
            frame = reader.frame()
            assert not frame["reset"] and len(frame["updates"]) == 1


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def test_postgresql_is_restored_as_it_was(postgresql, tmp_path):
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored")
    source = Stack(DATABASE_URL=postgresql.url)
    target = Stack(DATABASE_URL=postgresql.url.replace("/postgres", "/restored"))
    try:
        call(source, "migrate", verbosity=0)
        source.shell("from liveblog.models import LiveBlog; LiveBlog.objects.create(slug='moon')")
        source.shell(WRITES.format(slug="moon"))
        archive = backup(source, tmp_path)
        assert "Restored" in call(target, "restore", str(archive))
        exported = call(source, "export", "moon")
        assert "One" in exported and call(target, "export", "moon") == exported
        call(target, "post", "moon", "Too late")
        with pytest.raises(AssertionError, match="This site is not empty"):
            call(target, "restore", str(archive))
        assert "Too late" in call(target, "export", "moon")
        call(target, "restore", str(archive), replace=True)
        assert call(target, "export", "moon") == exported
        with pytest.raises(AssertionError, match="apt-get install postgresql-client"):
            target.shell("import os; os.environ['PATH'] = '/nowhere'\n" + code("backup"))
    finally:
        for stack in (source, target):
            stack.end_shell()
            stack.folder.cleanup()


def call(stack: Stack, *arguments: str, **options: object) -> str:
    """What a management command prints, without the second that a new process takes."""
    return stack.shell(code(*arguments, **options))


def code(*arguments: str, **options: object) -> str:
    return (
        "import sys; from django.core.management import call_command\n"
        f"call_command(*{arguments!r}, stdout=sys.stdout, **{options!r})"
    )
