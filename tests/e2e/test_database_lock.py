"""While somebody holds SQLite's write lock, reading goes on and writers wait for a bounded time."""

import contextlib
import http.client
import json
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from harness.network import http_request
from harness.redis_servers import RedisServer
from harness.waiting import PATIENCE, wait_until

from tests.e2e.stack import Stack

TOKEN = "a token of the tests"
WRITERS = 12  # more than workers, and more than one worker lets wait
SERVED_WITHIN = 5  # s that a read may take on a busy machine; without the mend it takes HELD
HELD = 12  # s
REFUSED_WITHIN = 30  # s for the last of WRITERS


@contextmanager
def write_lock(stack: Stack) -> Iterator[None]:
    """Keep every other writer of the stack's database out."""
    path = Path(stack.folder.name) / "db.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def post(stack: Stack, key: str) -> http.client.HTTPResponse:
    """Post an update by the token API."""
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    body = json.dumps({"body": key})
    return http_request(stack.port, "POST", "/api/liveblogs/demo/updates/", body, headers)


def insist(stack: Stack, key: str) -> None:
    """Post as a careful client does: after a 503 again when it says so, with the same key."""

    def acknowledged() -> bool:
        answer = post(stack, key)
        if answer.status == 503:
            time.sleep(int(answer.headers["Retry-After"]))
            return False
        assert answer.status == 201, answer.body
        return True

    wait_until(acknowledged, f"the acknowledgement of {key}")


def bodies(stack: Stack) -> list[str]:
    replay = json.load(stack.get("/liveblog/demo/updates.json"))
    return sorted(update["content"] for update in replay["updates"])


@pytest.fixture(scope="module", params=["1", "2"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with (
        RedisServer() as redis,
        Stack(WORKERS=request.param, API_TOKENS=TOKEN, REDIS_URL=redis.url) as stack,
    ):
        yield stack


def test_row_39_reading_goes_on_while_writers_wait_for_the_lock(stack: Stack) -> None:
    with ThreadPoolExecutor(WRITERS) as pool, stack.reader() as watching:
        watching.frame()
        head = json.load(stack.get("/liveblog/demo/updates.json"))["revision"]
        released = threading.Event()
        with write_lock(stack):
            keys = [f"held-{head}-{number}" for number in range(WRITERS)]
            acks = [pool.submit(insist, stack, key) for key in keys]
            timer = threading.Timer(HELD, released.set)
            timer.start()
            reads = 0
            while not released.is_set():
                page = stack.get("/liveblog/demo/", timeout=SERVED_WITHIN)
                assert page.status == 200
                with stack.reader(open_timeout=SERVED_WITHIN) as reader:
                    assert reader.frame()["revision"] == head
                reads += 1
            assert reads > HELD  # more often than once a second
        for ack in acks:
            ack.result(PATIENCE)
        assert sorted(f"<p>{key}</p>" for key in keys) == [
            body for body in bodies(stack) if "held" in body
        ]
        revisions = [watching.frame()["revision"] for _ in keys]
        assert sorted(revisions) == list(range(head + 1, head + WRITERS + 1))


def test_row_39_a_writer_that_waits_too_long_is_refused_and_nothing_is_changed(
    stack: Stack,
) -> None:
    before = bodies(stack)
    with write_lock(stack), ThreadPoolExecutor(WRITERS) as pool:
        answers = [pool.submit(post, stack, f"late-{number}") for number in range(WRITERS)]
        for answer in answers:
            response = answer.result(REFUSED_WITHIN)
            frame = json.loads(response.body)
            assert (response.status, frame["code"]) == (503, "unavailable")
            assert int(response.headers["Retry-After"]) > 0
            assert frame["message"].endswith(".")
    assert bodies(stack) == before
    insist(stack, "late-0")
    assert len(bodies(stack)) == len(before) + 1


def add_user(stack: Stack) -> None:
    stack.shell(
        "from django.contrib.auth.models import User;"
        "User.objects.filter(username='jo').exists() or"
        " User.objects.create_user('jo', password='a long password')"
    )


def log_in(stack: Stack) -> http.client.HTTPResponse:
    """A login writes a session. It is Django's own view, which catches no database error."""
    form = http_request(stack.port, "GET", "/accounts/login/")
    token = form.headers["Set-Cookie"].split("csrftoken=")[1].partition(";")[0]
    headers = {
        "Cookie": f"csrftoken={token}",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRFToken": token,
    }
    body = "username=jo&password=a+long+password"
    return http_request(stack.port, "POST", "/accounts/login/", body, headers)


def test_row_39_a_page_whose_write_waits_too_long_says_so(stack: Stack) -> None:
    add_user(stack)
    with write_lock(stack):
        answer = log_in(stack)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "temporarily unavailable" in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    assert log_in(stack).status == 302


def exported_blog(slug: str, updates: int) -> str:
    """A document as `manage.py export` writes it."""
    moment = "2026-01-01T00:00:00+00:00"
    blog = {"slug": slug, "title": slug, "description": "", "state": "live", "chat": False}
    update = {"headline": "", "author": "", "key_event": False, "pinned": False, "draft": False}
    update |= {"created": moment, "edited": None, "publish_at": None}
    return json.dumps(
        {
            "format": "liveblog",
            "version": 1,
            "blog": blog | {"created": moment, "ended": None},
            "updates": [update | {"body": f"row {number}"} for number in range(updates)],
        }
    )


def test_row_39_an_import_lets_others_write_and_goes_on_after_it_was_killed(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "blog.json"
    file.write_text(exported_blog("brought", 600))
    address = "/liveblog/brought/updates.json"

    def start() -> subprocess.Popen:
        command = [sys.executable, "manage.py", "import", str(file)]
        return subprocess.Popen(command, cwd=stack.root, env=stack.environ)

    def head() -> int:
        with contextlib.suppress(urllib.error.HTTPError):
            return json.load(stack.get(address))["revision"]
        return 0

    importing = start()
    try:
        wait_until(lambda: head() or importing.poll() is not None, "the first batch")
        before = head()
        assert post(stack, "meanwhile").status == 201
        assert importing.poll() is None  # it was not waited for
    finally:
        importing.kill()
        importing.wait()
    assert before < 600
    assert start().wait(2 * PATIENCE) == 0
    assert head() == 600
    texts = stack.shell(
        "from liveblog.models import LiveBlog;"
        "rows = LiveBlog.objects.get(slug='brought').updates.order_by('pk');"
        "print(*rows.values_list('body', flat=True), sep='\\n')"
    )
    assert texts.split("\n")[:-1] == [f"row {number}" for number in range(600)]
