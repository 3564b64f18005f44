"""What a reader's browser has to load before it reads."""

import gzip
import posixpath
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find

from liveblog.demo.player import Player
from liveblog.demo.steps import load
from liveblog.management.commands.replay import get_or_make_blog
from liveblog.stream.frames import PAGE

IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.{1,2}/[^"']+)["'];""", re.M | re.S)

URL = re.compile(r"""url\("([^"]+)"\)""")


def with_imports(name: str) -> set[Path]:
    """A script and all that it imports; `name` is its address below STATIC_URL."""
    script = Path(find(name))
    found = {script}
    for imported in IMPORT.findall(script.read_text()):
        found |= with_imports(posixpath.normpath(f"{posixpath.dirname(name)}/{imported}"))
    return found


def weight(data: bytes) -> int:
    return len(gzip.compress(data, 9))


def test_what_the_first_live_post_needs_is_below_10_kb():
    scripts = with_imports("liveblog/reader/stream/reader.js")
    assert {path.name for path in scripts} == {"reader.js", "page.js", "socket.js", "stream.js"}
    assert sum(weight(path.read_bytes()) for path in scripts) < 10_000


@pytest.mark.django_db
def test_a_page_of_50_updates_with_all_that_it_loads_is_at_most_45_kb(client):
    player = Player(get_or_make_blog("moon"))
    for step in load():
        player.play(step)
    page = client.get("/liveblog/moon/").content
    assert page.count(b"<article") > PAGE
    found = re.findall(rb'(?:src|href)="/static/([^"]+\.(?:js|css|svg))"', page)
    names = [name.decode() for name in found]
    files = {Path(find(name)) for name in names}
    scripts = [with_imports(name) for name in names if name.endswith(".js")]
    files |= set().union(*scripts)
    assert len(files) > 10
    # Style sheets name more files.
    sheets = [path for path in files if path.suffix == ".css"]
    files |= {sheet.parent / name for sheet in sheets for name in URL.findall(sheet.read_text())}
    assert weight(page) + sum(weight(path.read_bytes()) for path in files) <= 45_000
