"""Copies the database to a file and back."""

import os
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

LOCK_WAIT = "30s"  # that pg_dump waits for a migration that is running


class DatabaseFailed(Exception):
    """The reason why the database could not be copied, as one sentence."""


def kind() -> str:
    """A key of archive.DATABASES."""
    return "postgresql" if connection.vendor == "postgresql" else "sqlite"


def exists() -> bool:
    """Whether there is a database. A connection would create the file of SQLite."""
    return kind() == "postgresql" or Path(connection.settings_dict["NAME"]).exists()


def applied_migrations() -> list[str]:
    """The migrations of the database, as `app.name`."""
    found = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in found)


def unknown_migrations(names: list[str]) -> list[str]:
    """Those that this release does not have."""
    loader = MigrationLoader(None)
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    labels = {app for app, _ in loader.disk_migrations}
    return sorted(name for name in set(names) - known if name.partition(".")[0] in labels)


def dump(path: Path) -> None:
    """Write a consistent copy to a new file, while others write. Raises DatabaseFailed."""
    path.touch(mode=0o600)
    if kind() == "postgresql":
        dump_postgresql(path)
    else:
        dump_sqlite(Path(connection.settings_dict["NAME"]), path)


def dump_sqlite(database: Path, path: Path) -> None:
    """One step of the online backup API: a reader in WAL mode, which delays no writer."""
    try:
        with (
            closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a WAL beside it
            check_sqlite(copy)
    except sqlite3.Error as error:
        raise DatabaseFailed(f"SQLite: {error}.") from error


def check_sqlite(database: sqlite3.Connection) -> None:
    [(answer,), *_] = database.execute("PRAGMA quick_check").fetchall()
    if answer != "ok":
        raise DatabaseFailed(f"The database is damaged: {answer}.")


def dump_postgresql(path: Path) -> None:
    options = ["--no-owner", "--no-privileges", f"--lock-wait-timeout={LOCK_WAIT}", "-f", str(path)]
    run_client("pg_dump", *options)


def run_client(program: str, *options: str) -> None:
    """Run a program of PostgreSQL on the site's database. Raises DatabaseFailed."""
    client = connection.client
    (_, *arguments), environ = client.settings_to_cmd_args_env(connection.settings_dict, options)
    # Of several hosts, the one that the site uses.
    if attributes := connection.settings_dict["OPTIONS"].get("target_session_attrs"):
        environ = {"PGTARGETSESSIONATTRS": attributes} | (environ or {})
    try:
        done = subprocess.run(
            [program, *arguments],
            env=os.environ | (environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise DatabaseFailed(
            f"{program} was not found. Install it: apt-get install postgresql-client."
        ) from None
    if done.returncode:
        reason, *more = done.stderr.strip().splitlines() or [f"code {done.returncode}"]
        # Such as the versions, where pg_dump is older than the server.
        details = [line.partition(" detail: ")[2] for line in more if " detail: " in line]
        raise DatabaseFailed("; ".join(text.rstrip(".") for text in (reason, *details)) + ".")


def load(path: Path) -> Path | None:
    """Replace the database by what dump() wrote, all or nothing.

    Returns where a file of SQLite that was there has been moved. Raises DatabaseFailed, OSError.
    """
    connection.close()
    if kind() == "postgresql":
        load_postgresql(path)
        return None
    return load_sqlite(path, Path(connection.settings_dict["NAME"]))


def load_sqlite(path: Path, database: Path) -> Path | None:
    """The last step renames the new file, which is on the same file system."""
    try:
        with closing(sqlite3.connect(path)) as copy:
            check_sqlite(copy)
    except sqlite3.Error as error:
        raise DatabaseFailed(f"SQLite: {error}.") from error
    aside = database.with_name(f"{database.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    was_there = database.exists()
    # A write-ahead log that is left behind would be applied to the new database.
    for suffix in ("-wal", "-shm", ""):
        old = Path(f"{database}{suffix}")
        if old.exists():
            old.rename(f"{aside}{suffix}")
    database.parent.mkdir(parents=True, exist_ok=True)
    path.replace(database)
    return aside if was_there else None


def load_postgresql(path: Path) -> None:
    """The site's tables are dropped in the transaction that creates them again."""
    with connection.cursor() as cursor:
        present = {
            table.name
            for table in connection.introspection.get_table_list(cursor)
            if table.type in ("t", "p")
        }
    known = {
        *connection.introspection.django_table_names(),
        MigrationRecorder.Migration._meta.db_table,
    }
    names = ", ".join(connection.ops.quote_name(name) for name in sorted(present & known))
    connection.close()
    drop = path.with_suffix(".drop.sql")
    drop.write_text(f"DROP TABLE {names} CASCADE;\n" if names else "")
    run_client(
        "psql",
        *("--no-psqlrc", "--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1"),
        *("-o", os.devnull, "-f", str(drop), "-f", str(path)),
    )
