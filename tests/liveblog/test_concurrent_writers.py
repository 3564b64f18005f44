"""Writers in processes of their own, on the databases that we support: no gap, no number twice."""

import subprocess
import sys

import pytest
from harness.environment import redis_server
from harness.waiting import PATIENCE

from tests.e2e.stack import ROOT
from tests.postgresql import PostgresServer

WRITERS, ROUNDS = 20, 2
KINDS = 8  # revisions that a round of a writer takes

PREPARE = """
import proj.settings, django; django.setup()
from django.core.management import call_command; call_command("migrate", verbosity=0)
from liveblog.models import LiveBlog; LiveBlog.objects.create(slug="busy", title="Busy")
"""
# Each writer is a process of its own, and prints the revisions that it took.
WRITE = f"""
import os, sys, traceback
import proj.settings, django; django.setup()
from liveblog.editing import idempotency
from liveblog.models import BlogUpdate, LiveBlog

def work(name):
    blog = LiveBlog.objects.get(slug="busy")
    for number in range({ROUNDS}):
        post = BlogUpdate.objects.create(blog=blog, body=f"{{name}} {{number}}")
        yield post.revision
        post.pinned = True
        post.save()
        yield post.revision
        blog.title = name
        blog.save()
        yield blog.revision
        done = idempotency.create(blog, f"{{name}} {{number}} a", body="With a key")
        assert idempotency.create(blog, f"{{name}} {{number}} a", body="With a key") == done
        yield done.revision
        done = idempotency.change(blog, f"{{name}} {{number}} b", done.id, done.version, body="B")
        yield done.revision
        draft = idempotency.create(blog, f"{{name}} {{number}} c", body="Later", draft=True)
        assert draft.revision is None
        BlogUpdate.objects.filter(pk=draft.id).update(draft=False)
        yield BlogUpdate.objects.get(pk=draft.id).revision
        BlogUpdate.objects.filter(pk=done.id).update(key_event=True)
        yield BlogUpdate.objects.get(pk=done.id).revision
        post.delete()
        yield post.revision

for writer in range({WRITERS}):
    if os.fork() == 0:
        try:
            print(*work(f"writer {{writer}}"), flush=True)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range({WRITERS})))
"""
READ = """
import proj.settings, django; django.setup()
from liveblog.models import BlogUpdate, LiveBlog
print(LiveBlog.objects.get().revision, *BlogUpdate.objects.values_list("revision", flat=True))
"""
PUBLISH = """
import os
import proj.settings, django; django.setup()
from datetime import timedelta
from django.db import OperationalError, connection
from django.utils import timezone
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.schedule import Publisher, due_updates
blog = LiveBlog.objects.get(slug="busy")
due = timezone.now() - timedelta(seconds=1)
for number in range(10):
    BlogUpdate.objects.create(blog=blog, body=str(number), draft=True, publish_at=due)
connection.close()
for _ in range(4):
    if os.fork() == 0:
        while due_updates().exists():
            try:
                Publisher().publish_due()
            except OperationalError:
                pass  # it waits for the lock but briefly, and comes again
        os._exit(0)
for _ in range(4):
    os.wait()
"""
# Four managers remove each other, and four users open one link. Prints who is left, and who joined.
TEAM = """
import os
import proj.settings, django; django.setup()
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from liveblog.models import LiveBlog, Membership
from liveblog.teams.invitations import VoidInvitation, accept, invite, path_of
from liveblog.teams.memberships import LastManager, remove

blog = LiveBlog.objects.get(slug="busy")
users = [User.objects.create(username=f"user {number}") for number in range(8)]
managers, others = users[:4], users[4:]
rows = [Membership.objects.create(blog=blog, user=user, role="manager") for user in managers]
chief = User.objects.create_superuser("chief")
token = path_of(invite(blog, chief, "editor")).split("/")[2]
connection.close()
for number in range(4):
    if os.fork() == 0:
        try:
            for away in (1, 2, 3):
                try:
                    remove(blog, rows[(number + away) % 4].pk, managers[number])
                except (LastManager, Membership.DoesNotExist, PermissionDenied):
                    pass
            try:
                accept(token, others[number])
            except VoidInvitation:
                pass
        except BaseException as error:
            print(repr(error), flush=True)
        os._exit(0)
for _ in range(4):
    os.wait()
print(*blog.team.values_list("role", flat=True))
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
    output, _ = process.communicate(timeout=3 * PATIENCE)
    assert process.returncode == 0
    return output


def test_writers_at_once_get_revisions_without_gap_or_double(database, tmp_path):
    finish(start(PREPARE, database, tmp_path))
    taken = sorted(map(int, finish(start(WRITE, database, tmp_path)).split()))
    head, *standing = map(int, finish(start(READ, database, tmp_path)).split())
    assert taken == list(range(1, head + 1))
    assert head == WRITERS * ROUNDS * KINDS
    assert len(set(standing)) == len(standing) == WRITERS * ROUNDS * 3


def test_publishers_at_once_publish_each_update_once(database, tmp_path):
    finish(start(PREPARE, database, tmp_path))
    finish(start(PUBLISH, database, tmp_path))
    head, *standing = map(int, finish(start(READ, database, tmp_path)).split())
    # A second time would have taken a revision of its own.
    assert head == 10
    assert sorted(standing) == list(range(1, 11))


def test_managers_who_remove_each_other_leave_one_and_a_link_admits_one(database, tmp_path):
    finish(start(PREPARE, database, tmp_path))
    assert finish(start(TEAM, database, tmp_path)).split() == ["manager", "editor"]
