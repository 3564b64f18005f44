"""A release whose migration waits for a lock that somebody else holds, and is interrupted."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from harness.waiting import PATIENCE, wait_until

from deploy.migrating import LOCK_TIMEOUT
from tests.deploy.crowd import Crowd
from tests.deploy.site import Site
from tests.deploy.test_release_folders import begin
from tests.postgresql import PostgresServer

pytestmark = pytest.mark.timeout(300)
TABLE = "liveblog_liveblog"
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("liveblog", "{last}")]
    operations = [migrations.AddField("liveblog", "later", models.IntegerField(null=True))]
"""
ADDED = f"SELECT later FROM {TABLE}"
IN_MIGRATION = "the checks of the new code pass"
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
WORKERS, PULSE = "runworker", "manage.py pulse"
MARGIN = 5000  # ms for a busy machine


@contextmanager
def new_migration(site: Site) -> Iterator[None]:
    """A migration in the source that changes a table of the running release."""
    folder = site.source / "liveblog" / "migrations"
    last = max(path.stem for path in folder.glob("0*.py"))
    added = folder / "9999_later.py"
    added.write_text(MIGRATION.format(last=last))
    try:
        yield
    finally:
        added.unlink()


def end(process: "subprocess.Popen[str]", signum: int) -> str:
    """Signal a release, and wait for its end; returns its remaining output."""
    process.send_signal(signum)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode in (1, -signum)
    return output


def wait_for(site: Site, release: Path) -> None:
    """Wait until this release serves whole, also after another one was killed."""
    wait_until(lambda: not (site.releases / "lock").read_text(), "the release of the lock")
    assert site.folders(WORKERS) == site.folders(PULSE) == {release} and site.healthy()


def waiting(connection: psycopg.Connection) -> int | None:
    """The server's process that waits for a lock on a whole table."""
    row = connection.execute(WAITING).fetchone()
    return row and row[0]


@pytest.mark.nightly
def test_row_54_a_release_that_is_killed_while_its_migration_waits_on_postgresql() -> None:
    """Readers pass the waiting migration, and it is tried again."""
    with (
        PostgresServer() as server,
        Site(in_place=True, DATABASE_URL=server.url) as site,
        new_migration(site),
        psycopg.connect(server.url, autocommit=True) as reader,
        Crowd(site.address, number=5) as crowd,
    ):
        with server.connect() as other:
            other.execute(f"SELECT 1 FROM {TABLE}")  # a lock that lasts as long as the transaction
            process = begin(site, IN_MIGRATION)
            wait_until(lambda: waiting(reader), "a migration that waits")
            end(process, signal.SIGKILL)
            wait_until(lambda: waiting(reader) is None, "the end of what it had begun")
            wait_for(site, site.source)
            with pytest.raises(psycopg.errors.UndefinedColumn):
                reader.execute(ADDED)

            process = begin(site, IN_MIGRATION)
            first = wait_until(lambda: waiting(reader), "a migration that waits")
            # A reader who comes now waits behind it, but no longer than it waits itself: the table
            # is read while the other transaction is still open. Otherwise this raises.
            reader.execute(f"SET statement_timeout = {LOCK_TIMEOUT + MARGIN}")
            reader.execute(f"SELECT 1 FROM {TABLE}")
            assert wait_until(lambda: waiting(reader), "a second attempt") != first
        output, _ = process.communicate(timeout=2 * PATIENCE)
        assert process.returncode == 0, output
        reader.execute(ADDED)
        wait_for(site, site.current.resolve())
        assert crowd.disconnects == 0


@pytest.mark.nightly
def test_row_54_a_release_that_is_interrupted_while_its_migration_waits_on_sqlite(
    site: Site,
) -> None:
    old = site.current.resolve()
    database = Path(site.folder.name) / "db.sqlite3"
    with (
        new_migration(site),
        closing(sqlite3.connect(database, isolation_level=None)) as other,
        Crowd(site.address, number=5) as crowd,
    ):
        other.execute("BEGIN IMMEDIATE")
        process = begin(site, IN_MIGRATION)
        assert "STOPPED" in end(process, signal.SIGINT)
        other.execute("ROLLBACK")
        wait_for(site, old)
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            other.execute(ADDED)
        site.release()
        other.execute(ADDED)
        wait_for(site, site.current.resolve())
        assert site.current.resolve() != old and crowd.disconnects == 0
