"""The archive of a backup: what is not complete is refused, and nothing incomplete is left."""

import gzip
import io
import shlex
import tarfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from proj.backup.archive import ArchiveWriter, BadArchive, Manifest, unpack
from proj.backup.databases import DatabaseFailed, run_client
from proj.backup.making import NAME, make, prune, site_settings, work_folder
from proj.backup.restoring import NotRestored, require_fitting, restore_settings
from proj.environment import Environment

PICTURE = b"RIFF of a picture"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar.gz"
    with ArchiveWriter(path, Manifest("2026-11-22", "sqlite", ["liveblog.0001_initial"])) as tar:
        tar.add_bytes("settings.env", b"SECRET_KEY=x\n")
        tar.add_bytes("database.sqlite3", bytes(100_000))
        tar.add_bytes("media/images/one.webp", PICTURE)
        tar.finish()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


def test_an_archive_is_unpacked_as_it_was_packed(archive: Path, folder: Path) -> None:
    manifest = unpack(archive, folder)
    assert manifest.migrations == ["liveblog.0001_initial"]
    assert (folder / "media" / "images" / "one.webp").read_bytes() == PICTURE
    assert (folder / "database.sqlite3").stat().st_size == 100_000
    assert archive.stat().st_mode & 0o777 == 0o600


def test_a_pg_dump_older_than_the_server_is_refused_with_both_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(
        "#!/bin/sh\n"
        "echo 'pg_dump: error: aborting because of server version mismatch' >&2\n"
        "echo 'pg_dump: detail: server version: 18.4; pg_dump version: 15.18' >&2\n"
        "exit 1\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DatabaseFailed, match=r"mismatch; server version: 18.4; pg_dump version"):
        run_client("pg_dump")


@pytest.mark.parametrize("part", [0, 10, 0.5, 0.99, -8])
def test_a_truncated_archive_is_refused(archive: Path, folder: Path, part: float) -> None:
    content = archive.read_bytes()
    end = int(part * len(content)) if isinstance(part, float) else part
    archive.write_bytes(content[:end])
    with pytest.raises(BadArchive):
        unpack(archive, folder)


def test_the_keys_of_the_site_are_in_a_backup_and_come_back(tmp_path: Path, settings) -> None:
    """Without its VAPID key a restored site could not alert the readers that it has."""
    text = site_settings({})
    saved = {"SECRET_KEY": settings.SECRET_KEY, "VAPID_PRIVATE_KEY": settings.VAPID_PRIVATE_KEY}
    for name, value in saved.items():
        assert f"{name}={shlex.quote(value)}\n" in text
    settings.DATA_DIR, settings.ENVIRONMENT = tmp_path, Environment({})
    settings.SECRET_KEY, settings.VAPID_PRIVATE_KEY = "new" * 20, "new"
    restore_settings(text)
    for name, value in saved.items():
        path = tmp_path / name.lower()
        assert (path.read_text(), path.stat().st_mode & 0o777) == (value, 0o600)
        assert getattr(settings, name) == value
    restore_settings("SECRET_KEY=of-an-older-release\n")
    assert settings.VAPID_PRIVATE_KEY == saved["VAPID_PRIVATE_KEY"]


def test_a_changed_byte_is_noticed(archive: Path, folder: Path) -> None:
    plain = gzip.decompress(archive.read_bytes())
    assert PICTURE in plain
    archive.write_bytes(gzip.compress(plain.replace(PICTURE, PICTURE.upper())))
    with pytest.raises(BadArchive, match=r"media/images/one.webp is not what its manifest says"):
        unpack(archive, folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "media/../../outside", "other"])
def test_a_member_that_no_backup_has_is_refused(archive: Path, folder: Path, name: str) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(BadArchive, match="which no backup has"):
        unpack(archive, folder)
    assert list(folder.parent.glob("outside")) == []


def test_a_link_is_refused(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo("media/link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(info)
    with pytest.raises(BadArchive, match="is not a file"):
        unpack(archive, folder)


@pytest.mark.django_db
def test_a_file_that_is_no_archive_changes_nothing(tmp_path: Path, settings) -> None:
    settings.DATA_DIR = tmp_path
    file = tmp_path / "notes.txt"
    file.write_text("no archive")
    with pytest.raises(CommandError) as refusal:
        call_command("restore", file, replace=True)
    assert str(refusal.value).startswith(f"{file} is not a complete backup: it is damaged")
    assert str(refusal.value).endswith("Nothing was changed.")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (Manifest("", "sqlite", ["liveblog.9999_later"]), "this one lacks liveblog.9999_later"),
        (Manifest("", "postgresql", []), "of PostgreSQL, and DATABASE_URL names SQLite"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(manifest: Manifest, sentence: str) -> None:
    with pytest.raises(NotRestored, match=sentence):
        require_fitting(manifest)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    names = [f"liveblog-2026112{day}-010203-000000.tar.gz" for day in range(5)]
    for name in [*names, "liveblog-notes.txt"]:
        (tmp_path / name).touch()
    assert [path.name for path in prune(tmp_path, 2)] == names[:3]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*names[3:], "liveblog-notes.txt"]
    assert all(NAME.fullmatch(name) for name in names)


def test_a_backup_that_was_killed_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    killed = tmp_path / ".liveblog-killed"
    killed.mkdir()
    (killed / "lock").touch()
    (killed / "archive").touch()
    with work_folder(tmp_path) as one:
        assert not killed.exists()
        with work_folder(tmp_path) as other:  # which is being made at the same time
            assert one.exists() and other != one
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db
def test_a_backup_that_fails_leaves_no_archive(tmp_path: Path, monkeypatch) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(bytes(1000))
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("proj.backup.databases.dump", fail)
    with pytest.raises(CommandError, match=r"No backup was made\. .*: No space left on device\."):
        call_command("backup", tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []
    with pytest.raises(OSError):
        make(tmp_path / "backups")


@pytest.mark.parametrize("keep", ["0", "-1", "some"])
def test_a_wrong_number_is_refused_before_anything_is_written(tmp_path: Path, keep: str) -> None:
    with pytest.raises(CommandError, match="--keep"):
        call_command("backup", tmp_path / "backups", keep=keep)
    assert not (tmp_path / "backups").exists()
