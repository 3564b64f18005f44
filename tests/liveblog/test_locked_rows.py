"""Row 40: what another transaction has locked holds up nothing but itself, on PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from harness.environment import redis_server
from harness.waiting import PATIENCE, wait_until

from tests.e2e.stack import ROOT
from tests.liveblog.webhook_servers import Receiver, receiving
from tests.postgresql import PostgresServer

FILL = """
import proj.settings, django; django.setup()
from datetime import timedelta
from django.utils import timezone
from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook, Write

now = timezone.now()
blogs = {slug: LiveBlog.objects.create(slug=slug, title=slug) for slug in ("first", "second")}
for minutes, (slug, number) in enumerate([("first", 25), ("second", 2)]):
    for index in range(number):
        due = now - timedelta(hours=1) + timedelta(minutes=minutes)
        BlogUpdate.objects.create(
            blog=blogs[slug], body=f"{slug} {index}", draft=True, publish_at=due
        )
    hook = Webhook.objects.create(blog=blogs[slug], url="URL?" + slug)
    Delivery.objects.create(webhook=hook, event="blog.changed", revision=0, body="{}")
    update = BlogUpdate.objects.create(blog=blogs[slug], body="Published")
    Write.objects.create(
        blog=blogs[slug], update=update, key="k", version=1, created=now - timedelta(days=2)
    )
"""
DRAFTS = """
    SELECT body FROM liveblog_blogupdate JOIN liveblog_liveblog blog ON blog.id = blog_id
    WHERE draft AND blog.slug = %s ORDER BY body
"""


class Site:
    """The product's commands on a PostgreSQL of the test's own."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database = database
        self.environ = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "proj.settings",
            "DATABASE_URL": database,
            "DATA_DIR": str(folder),
            "REDIS_URL": redis_server.url,
            "WEBHOOK_NETWORKS": "127.0.0.0/8",
        }

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=self.environ)

    def run(self, *arguments: str) -> None:
        assert self.start(*arguments).wait(PATIENCE) == 0

    @contextmanager
    def pulsing(self) -> Iterator[None]:
        """`manage.py pulse` runs while the context lasts; it must not end by itself."""
        process = self.start("manage.py", "pulse")
        try:
            yield
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(PATIENCE)

    @contextmanager
    def locked(self, statement: str) -> Iterator[None]:
        """A transaction of somebody else's that holds the rows of SELECT … FOR UPDATE."""
        with psycopg.connect(self.database) as other:
            assert other.execute(f"{statement} FOR UPDATE").fetchall()
            yield
            other.rollback()

    def rows(self, statement: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def drafts(self, slug: str) -> list[str]:
        return [body for (body,) in self.rows(DRAFTS, slug)]

    def keys(self) -> list[tuple]:
        return self.rows(
            "SELECT slug FROM liveblog_write JOIN liveblog_liveblog blog ON blog.id = blog_id"
        )


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def site(
    server: PostgresServer, receiver: Receiver, tmp_path: Path, request: pytest.FixtureRequest
) -> Site:
    """Two blogs, each with scheduled updates, a webhook with a delivery, and an expired key."""
    name = f"site_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    site = Site(f"{server.url.removesuffix('/postgres')}/{name}", tmp_path)
    site.run("manage.py", "migrate", "--verbosity", "0")
    site.run("-c", FILL.replace("URL", receiver.url))
    return site


def paths(receiver: Receiver) -> set[str]:
    return {received.path for received in receiver.got}


def test_row_40_a_locked_blog_holds_up_neither_other_blogs_nor_webhooks_nor_pruning(
    site: Site, receiver: Receiver
) -> None:
    first = "SELECT 1 FROM liveblog_liveblog WHERE slug = 'first'"
    with site.pulsing():
        with site.locked(first):
            wait_until(lambda: not site.drafts("second"), "the other blog's updates")
            wait_until(lambda: len(paths(receiver)) == 2, "both webhooks' messages")
            wait_until(lambda: not site.keys(), "the expired keys to be deleted")
            assert len(site.drafts("first")) == 25
        wait_until(lambda: not site.drafts("first"), "the locked blog's updates")


def test_row_40_a_locked_update_holds_up_no_other_of_its_blog(site: Site) -> None:
    with site.pulsing():
        with site.locked("SELECT 1 FROM liveblog_blogupdate WHERE body = 'first 0'"):
            wait_until(lambda: site.drafts("first") == ["first 0"], "the other updates")
            wait_until(lambda: not site.drafts("second"), "the other blog's updates")
        wait_until(lambda: not site.drafts("first"), "the locked update")


def test_row_40_a_locked_webhook_holds_up_no_other(site: Site, receiver: Receiver) -> None:
    with site.pulsing():
        with site.locked("SELECT 1 FROM liveblog_webhook WHERE url LIKE '%first'"):
            wait_until(lambda: "/hook?second" in paths(receiver), "the other's message")
            wait_until(lambda: not site.drafts("second"), "the scheduled updates")
        wait_until(lambda: "/hook?first" in paths(receiver), "the locked one's message")


def test_a_delivery_that_fails_is_noted(site: Site) -> None:
    del site.environ["WEBHOOK_NETWORKS"]  # so that the receiver's address is refused
    with site.pulsing():
        failures = "SELECT 1 FROM liveblog_webhook WHERE failures = 0"
        wait_until(lambda: not site.rows(failures), "the failures of both webhooks")
        noted = "SELECT 1 FROM liveblog_delivery WHERE error <> ''"
        assert len(site.rows(noted)) >= 2


def test_row_40_a_locked_key_is_left_and_the_others_are_deleted(site: Site) -> None:
    key = "SELECT 1 FROM liveblog_write JOIN liveblog_liveblog blog ON blog.id = blog_id"
    with site.pulsing(), site.locked(f"{key} WHERE slug = 'first'"):
        wait_until(lambda: site.keys() == [("first",)], "the other key to be deleted")
