"""Writers in processes of their own, on the databases that we support: no gap, no number twice."""

import subprocess
import sys

import pytest

from tests.e2e.stack import ROOT
from tests.environment import redis_server
from tests.services import PostgresServer

WRITERS, EACH = 4, 10

PREPARE = """
import proj.settings, django; django.setup()
from django.core.management import call_command; call_command("migrate", verbosity=0)
from liveblog.models import LiveBlog; LiveBlog.objects.create(slug="busy", title="Busy")
"""
WRITE = f"""
import proj.settings, django; django.setup()
from liveblog.models import BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug="busy")
for number in range({EACH}):
    BlogUpdate.objects.create(blog=blog, body=str(number))
"""
READ = """
import proj.settings, django; django.setup()
from liveblog.models import BlogUpdate, LiveBlog
print(LiveBlog.objects.get().revision, *BlogUpdate.objects.values_list("revision", flat=True))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/db.sqlite3"
    else:
        with PostgresServer() as server:
            yield server.url


def start(code, database, tmp_path):
    environ = {
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": database,
        "DATA_DIR": str(tmp_path),
        "REDIS_URL": redis_server.url,
        "DJANGO_SETTINGS_MODULE": "proj.settings",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    )


def finish(process):
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output


def test_writers_at_once_get_revisions_without_gap_or_double(database, tmp_path):
    finish(start(PREPARE, database, tmp_path))
    for writer in [start(WRITE, database, tmp_path) for _ in range(WRITERS)]:
        finish(writer)
    head, *taken = map(int, finish(start(READ, database, tmp_path)).split())
    assert head == WRITERS * EACH
    assert sorted(taken) == list(range(1, head + 1))
