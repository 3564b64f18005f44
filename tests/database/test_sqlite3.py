"""The file of SQLite: the first connection creates it, and only its owner can read it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.plugin import DjangoDbBlocker

from database.sqlite3 import base
from tests.test_docs import ROOT


@pytest.fixture
def connection(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    """A connection, not open yet, to a database that does not exist."""
    assert connections["default"].vendor == "sqlite"
    settings = connections["default"].settings_dict | {"NAME": str(tmp_path / "db.sqlite3")}
    wrapper = base.DatabaseWrapper(settings, "another")
    umask = os.umask(0o022)
    with django_db_blocker.unblock():
        yield wrapper
        wrapper.close()
    os.umask(umask)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_a_new_database_is_readable_by_its_owner_only(
    connection: BaseDatabaseWrapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    when_opened = []
    connect = sqlite3.dbapi2.connect

    def recorded(*args: object, **options: object) -> sqlite3.Connection:
        when_opened.append(modes(tmp_path))
        return connect(*args, **options)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", recorded)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE secret (word text)")
        assert when_opened == [{"db.sqlite3": 0o600}]
        files = ("db.sqlite3", "db.sqlite3-shm", "db.sqlite3-wal")
        assert modes(tmp_path) == dict.fromkeys(files, 0o600)


def test_a_database_that_is_there_keeps_its_mode(
    connection: BaseDatabaseWrapper, tmp_path: Path
) -> None:
    path = tmp_path / "db.sqlite3"
    path.touch()
    path.chmod(0o640)  # as for a backup program of the same group
    connection.ensure_connection()
    assert modes(tmp_path)["db.sqlite3"] == 0o640


def test_a_database_that_cannot_be_created_says_why(
    connection: BaseDatabaseWrapper, tmp_path: Path
) -> None:
    connection.settings_dict["NAME"] = str(tmp_path / "missing" / "db.sqlite3")
    with pytest.raises(OperationalError, match=r"the database: No such file or directory$"):
        connection.ensure_connection()


def test_loading_the_settings_creates_no_database(tmp_path: Path) -> None:
    """Otherwise a command that restores a backup could not know that there was no database."""
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    subprocess.run(
        [sys.executable, "-c", "import proj.settings"],
        cwd=ROOT,
        env=environ | {"DATA_DIR": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.glob("*.sqlite3*")) == []
