"""Writes with keys, through the whole product: what is sent twice is there once."""

import contextlib
import json
import os
import re
import signal
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar

import pytest
from harness.waiting import PATIENCE, wait_until

from tests.e2e.stack import Stack
from tests.postgresql import PostgresServer

USER = """
from django.contrib.auth.models import User
User.objects.filter(username="mara").exists() or User.objects.create_user(
    "mara", password="a long password", is_staff=True)
"""


class Editor:
    """A script that is logged in at the editor's page."""

    def __init__(self, stack, slug):
        self.address = f"http://{stack.address}/liveblog/{slug}/edit/"
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(cookies)
        self.token = ""
        login = f"http://{stack.address}/accounts/login/"
        self.token = self.token_of(login)
        self.send({"username": "mara", "password": "a long password"}, login, accept="text/html")
        self.token = self.token_of(self.address)

    def token_of(self, address):
        page = self.opener.open(address, timeout=PATIENCE).read().decode()
        return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]

    def insist(self, number, answer_within=3):
        """Post, and again with the same key until it is acknowledged. Returns the answer."""

        def sent():
            with contextlib.suppress(OSError):  # no answer: whoever had the request is gone
                data = {"body": f"{number}", "key": f"k-{number}"}
                status, body = self.send(data, timeout=answer_within)
                return json.loads(body) if status == 200 else None

        return wait_until(sent, "an acknowledgement")

    def send(self, data, address=None, accept="application/json", timeout=PATIENCE):
        """The status and the body of the answer."""
        data = urllib.parse.urlencode(data | {"csrfmiddlewaretoken": self.token}).encode()
        request = urllib.request.Request(address or self.address, data, {"Accept": accept})
        try:
            with self.opener.open(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()


@pytest.fixture
def editor(stack, blog):
    stack.shell(USER)
    return Editor(stack, blog)


def test_a_write_sent_many_times_at_once_is_done_once(stack, blog, editor):
    with stack.reader(blog) as reader, ThreadPoolExecutor(8) as pool:
        reader.frame()
        answers = list(pool.map(lambda _: editor.send({"body": "Once", "key": "k"}), range(8)))
        assert len(set(answers)) == 1
        status, ack = answers[0][0], json.loads(answers[0][1])
        assert (status, ack["type"], ack["revision"]) == (200, "ack", 1)
        assert reader.frame()["id"] == ack["id"]
    replay = json.load(stack.get(f"/liveblog/{blog}/updates.json"))
    assert [update["id"] for update in replay["updates"]] == [ack["id"]]


def test_a_write_whose_worker_is_killed_is_sent_again_until_it_is_acknowledged(stack, blog, editor):
    workers = stack.pids("runworker")
    with ThreadPoolExecutor(6) as pool:
        acks = [pool.submit(editor.insist, number) for number in range(60)]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        acks = [ack.result() for ack in acks]
    replay = json.load(stack.get(f"/liveblog/{blog}/updates.json"))
    assert sorted(update["id"] for update in replay["updates"]) == sorted(a["id"] for a in acks)
    assert sorted(ack["revision"] for ack in acks) == list(range(1, 61))
    wait_until(lambda: len(set(stack.pids("runworker")) - set(workers)) == 2, "new workers")


def test_two_editors_who_change_the_same_update_do_not_overwrite_each_other(stack, blog, editor):
    ack = json.loads(editor.send({"body": "Before"})[1])
    address = f"{editor.address}?update={ack['id']}"
    data = [{"body": text, "version": ack["version"], "key": text} for text in ("a", "b")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda sent: editor.send(sent, address), data))
    assert sorted(status for status, _ in answers) == [200, 409]
    (conflict,) = (json.loads(body) for status, body in answers if status == 409)
    kept = next(d["body"] for d, (status, _) in zip(data, answers, strict=True) if status == 200)
    assert (conflict["current"]["body"], conflict["current"]["revision"]) == (kept, 2)


def test_the_shell_takes_a_key(stack, blog):
    printed = [stack.manage("post", blog, "Once", "--key", "nightly").stdout for _ in range(2)]
    assert printed[0] == printed[1] != ""
    assert "revision 1" in printed[0]


def test_a_draft_reaches_no_reader(stack, blog, editor):
    with stack.reader(blog) as reader:
        reader.frame()
        editor.send({"body": "A secret", "action": "draft"})
        editor.send({"body": "A secret", "publish_at": "2999-01-01T00:00"})
        editor.send({"body": "Public"})
        assert reader.frame()["content"] == "<p>Public</p>"
    for path in ("/", f"/liveblog/{blog}/", f"/liveblog/{blog}/updates.json"):
        assert b"A secret" not in stack.get(path).read()


def test_postgresql_takes_every_write_once_although_its_connections_are_cut():
    cut = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   " WHERE pid <> pg_backend_pid() AND datname = current_database()")
"""
    with PostgresServer() as database, Stack(DATABASE_URL=database.url) as stack:
        stack.shell(USER)
        editor = Editor(stack, "demo")
        with ThreadPoolExecutor(4) as pool:
            acks = [pool.submit(editor.insist, number) for number in range(60)]
            stack.shell(cut)
            acks = [ack.result() for ack in acks]
        assert sorted(ack["revision"] for ack in acks) == list(range(1, 61))
        with stack.reader() as reader:
            assert reader.frame()["revision"] == 60
            assert reader.pulse()["revision"] == 60
