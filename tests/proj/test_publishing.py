"""proj/static.py: a release's static files are added to those of earlier releases."""

import json
import os
from pathlib import Path

import pytest
from django.conf import LazySettings

from proj.static import publish


@pytest.fixture
def folders(tmp_path: Path, settings: LazySettings) -> tuple[Path, Path]:
    """(collected, published), the one with a file of a release, the other of the one before."""
    collected, published = tmp_path / "release" / "collected_static", tmp_path / "static"
    for folder, content in ((collected, "new"), (published, "old")):
        (folder / "app").mkdir(parents=True)
        (folder / "app" / "a.css").write_text(content)
        (folder / "app" / f"a.{content}.css").write_text(content)
        names = {"paths": {"app/a.css": f"app/a.{content}.css"}}
        (folder / "staticfiles.json").write_text(json.dumps(names))
    (collected / "icons").mkdir()
    (collected / "icons" / "b.svg").write_text("new")
    settings.STATIC_ROOT, settings.PUBLISHED_STATIC = collected, published
    return collected, published


def contents(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def test_hashed_names_are_added_and_nothing_else_changes(folders: tuple[Path, Path]) -> None:
    _, published = folders
    before = contents(published)
    publish(plain=False)
    assert contents(published) == before | {"app/a.new.css": "new"}


def test_plain_names_follow_and_old_hashed_ones_stay(folders: tuple[Path, Path]) -> None:
    _, published = folders
    names = contents(published)["staticfiles.json"]
    umask = os.umask(0o077)
    try:
        publish(plain=True)
    finally:
        os.umask(umask)
    assert contents(published) == {
        "app/a.css": "new",
        "app/a.old.css": "old",
        "app/a.new.css": "new",
        "icons/b.svg": "new",
        "staticfiles.json": names,  # of the checkout's own processes
    }
    assert (published / "icons").stat().st_mode & 0o777 == 0o755
    assert (published / "icons" / "b.svg").stat().st_mode & 0o777 == 0o644


def test_a_checkout_has_its_files_where_they_are_served(
    folders: tuple[Path, Path], settings: LazySettings
) -> None:
    _, published = folders
    settings.STATIC_ROOT = published
    before = contents(published)
    publish(plain=True)
    assert contents(published) == before
