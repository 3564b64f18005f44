"""The editors: a process that keeps writing to one blog and reports every acknowledgement.

    python -m tests.chaos.clients.newsroom SLUG SEED ADDRESS

Half of the writers call liveblog.editing.idempotency, as a script on the server would; the others
post to the editor's page over HTTP. Every write is retried with the same key until it is
acknowledged. Commands are words on standard input, reports are JSON lines on standard output.
"""

import http.client
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode
from uuid import UUID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")

import django

django.setup()

from datetime import timedelta  # noqa: E402
from importlib import import_module  # noqa: E402

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import Error as DatabaseError  # noqa: E402
from django.db import close_old_connections, connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from liveblog.editing import idempotency  # noqa: E402
from liveblog.models import LiveBlog  # noqa: E402

WRITERS = 4
RATE = 8.0  # writes per second of all writers together
FEWEST, MOST = 45, 80  # visible rows: about one page, so that its end is exercised
PINNED = 3
ANSWER_WITHIN = 4  # s, after which an editor's script retries
RETRY_DELAY = 0.25  # s
SCHEDULED_IN = 2  # s
BURST = 210  # rows; more than a replay holds
CSRF = "c" * 32

report_lock = threading.Lock()
Done = dict[str, Any]  # the fields of an idempotency.Acknowledgement


def report(**value: object) -> None:
    with report_lock:
        print(json.dumps(value), flush=True)


@dataclass
class Row:
    """An update as its writers know it. `version` is None if they must not change it."""

    id: int
    key: str
    version: int | None
    edits: int = 0
    pinned: bool = False


@dataclass
class Write:
    """One write; retries send it unchanged."""

    kind: str  # create, change, delete, title
    key: str
    row: Row | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """The write failed, or its result is unknown: retry it."""


class Editors:
    """The rows that exist, and the writers, each of which takes the row that it changes."""

    def __init__(self, slug: str, seed: int, address: str) -> None:
        self.blog = LiveBlog.objects.get(slug=slug)
        self.random = random.Random(seed)
        self.address = address
        self.lock = threading.Condition()  # notified when a writer becomes idle
        self.rows: dict[int, Row] = {}  # those that no writer has taken
        self.pinned = 0
        self.writing = threading.Event()
        self.at_work = 0
        self.stopping = False
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={login()}; csrftoken={CSRF}"

    def run(self, via: Callable[[Write], Done]) -> None:
        """Write until the process ends."""
        while not self.stopping:
            if not self.writing.wait(0.1):
                continue
            with self.lock:
                self.at_work += 1
                write = self.choose()
                pause = self.random.expovariate(RATE / WRITERS)
            try:
                self.carry_out(write, via)
            except Exception as error:
                report(violation=f"a writer failed: {type(error).__name__}: {error}"[:300])
            finally:
                with self.lock:
                    self.at_work -= 1
                    self.lock.notify_all()
            time.sleep(min(pause, 2))

    def choose(self) -> Write:
        """The next write. Its row, if any, is taken until the write is acknowledged."""
        dice = self.random.random()
        if dice < 0.02:
            return Write("title", self.new_key())
        if not self.rows or (len(self.rows) < FEWEST and dice < 0.7):
            return self.creation()
        if len(self.rows) > MOST and dice < 0.5 or dice < 0.2:
            return Write("delete", self.new_key(), self.take(lambda row: True))
        if dice < 0.5:
            return self.creation(scheduled=dice > 0.48)
        row = self.take(lambda row: row.version is not None)
        if row is None:
            return self.creation()
        if dice < 0.6 and (row.pinned or self.pinned < PINNED):
            self.pinned += -1 if row.pinned else 1
            return Write("change", self.new_key(), row, self.texts(row, not row.pinned))
        row.edits += 1
        return Write("change", self.new_key(), row, self.texts(row, row.pinned))

    def creation(self, scheduled: bool = False) -> Write:
        key = self.new_key()
        fields: dict[str, Any] = {"body": body(key, 0), "pinned": False}
        if scheduled:
            fields["publish_at"] = timezone.now() + timedelta(seconds=SCHEDULED_IN)
        return Write("create", key, fields=fields)

    def texts(self, row: Row, pinned: bool) -> dict[str, Any]:
        return {"body": body(row.key, row.edits), "pinned": pinned}

    def new_key(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def take(self, fits: Callable[[Row], bool]) -> Row | None:
        fitting = [pk for pk, row in self.rows.items() if fits(row)]
        return self.rows.pop(self.random.choice(fitting)) if fitting else None

    def carry_out(self, write: Write, via: Callable[[Write], Done]) -> None:
        """Send the write until it is acknowledged."""
        tries = 0
        while not self.stopping:
            tries += 1
            try:
                if write.kind == "title":
                    self.retitle(write.key)
                    return
                done = via(write)
                break
            except (DatabaseError, OSError, http.client.HTTPException, Refused) as error:
                close_old_connections()
                report(retry=write.key, why=f"{type(error).__name__}: {error}"[:200])
                time.sleep(RETRY_DELAY)
            except idempotency.Conflict as error:
                report(violation=f"{write.kind} {write.key}: {error}")
                return
        else:
            return
        with self.lock:
            self.remember(write, done)
        report(**acknowledged(write, done, via.__name__), tries=tries)

    def remember(self, write: Write, done: Done) -> None:
        if write.kind == "delete":
            assert write.row
            self.pinned -= write.row.pinned
            return
        row = write.row or Row(done["id"], write.key, None)
        row.pinned = write.fields["pinned"]
        row.version = None if done["action"] == "scheduled" else done["version"]
        self.rows[row.id] = row

    def retitle(self, key: str) -> None:
        blog = LiveBlog.objects.get(pk=self.blog.pk)
        blog.title = f"Title {key[:8]}"
        blog.save()
        report(title=blog.title, revision=blog.revision)

    # The two ways to write

    def script(self, write: Write) -> Done:
        if not connection.in_atomic_block:
            close_old_connections()
        row = write.row
        if row is None:
            done = idempotency.create(self.blog, write.key, **write.fields)
        elif write.kind == "change":
            done = idempotency.change(self.blog, write.key, row.id, row.version, **write.fields)
        else:
            done = idempotency.delete(self.blog, write.key, row.id, row.version)
        return asdict(done)

    def browser(self, write: Write) -> Done:
        fields: dict[str, Any] = {"key": write.key}
        path = f"/liveblog/{self.blog.slug}/edit/"
        if write.kind == "delete":
            fields["delete"] = write.row.id
        else:
            fields |= {"body": write.fields["body"], "action": "publish"}
            if write.fields["pinned"]:
                fields["pinned"] = "on"
            if moment := write.fields.get("publish_at"):
                fields["publish_at"] = moment.isoformat()
                # As the page does, so that a retry after that time is not refused.
                fields["pressed"] = (moment - timedelta(seconds=SCHEDULED_IN)).isoformat()
        if write.kind == "change":
            path += f"?update={write.row.id}"
        if write.row and write.row.version is not None:
            fields["version"] = write.row.version
        status, answer = self.post(path, fields)
        if status == 409:
            raise_conflict(answer)
        if status != 200:
            raise Refused(f"{status} {answer[:100]}")
        done = json.loads(answer)
        return {name: done[name] for name in ("id", "version", "key", "action")}

    def post(self, path: str, fields: dict[str, Any]) -> tuple[int, str]:
        client = http.client.HTTPConnection(self.address, timeout=ANSWER_WITHIN)
        headers = {
            "Cookie": self.cookie,
            "X-CSRFToken": CSRF,
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            client.request("POST", path, urlencode(fields), headers)
            response = client.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            client.close()

    # Commands

    def burst(self) -> None:
        """Make more changes than a replay holds, in one transaction, as an import does."""
        with self.lock:
            self.at_work += 1
            keys = [(self.new_key(), self.new_key()) for _ in range(BURST)]
        written = None
        while written is None and not self.stopping:
            try:
                with transaction.atomic():
                    written = [one for pair in enumerate(keys) for one in self.import_row(*pair)]
            except DatabaseError as error:
                close_old_connections()
                report(retry="burst", why=f"{type(error).__name__}: {error}"[:200])
        with self.lock:
            gone = {write.row.id for write, _ in written or () if write.row}
            for write, done in written or ():
                report(**acknowledged(write, done))
                if done["id"] not in gone:
                    self.remember(write, done)
            self.at_work -= 1
            self.lock.notify_all()
        report(done="burst")

    def import_row(self, number: int, keys: tuple[str, str]) -> Iterator[tuple[Write, Done]]:
        """Post an update; delete most of them again, because a page must not grow without end."""
        write = Write("create", keys[0], fields={"body": body(keys[0], 0), "pinned": False})
        done = self.script(write)
        yield write, done
        if number % 4:
            write = Write("delete", keys[1], Row(done["id"], keys[0], done["version"]))
            yield write, self.script(write)

    def pause(self) -> None:
        self.writing.clear()
        with self.lock:
            self.lock.wait_for(lambda: not self.at_work)
        report(done="pause")


def acknowledged(write: Write, done: Done, via: str = "script") -> dict[str, Any]:
    """The report of an acknowledgement: the response, and what had been sent."""
    sent = {"body": write.fields.get("body"), "pinned": write.fields.get("pinned")}
    return {"ack": done, "kind": write.kind, "sent": sent, "via": via}


def body(key: str, edits: int) -> str:
    """The text of a row; its first word is the key of the write that created it."""
    return f"{key} in version {edits}"


class Conflicting(idempotency.Conflict):
    def __init__(self, answer: str) -> None:
        Exception.__init__(self, answer)

    def __str__(self) -> str:
        return self.args[0]


def raise_conflict(answer: str) -> NoReturn:
    raise Conflicting(answer[:300])


def login() -> str:
    """Create a superuser and a session as a login does. Returns the session key."""
    user = User.objects.create_superuser("chaos")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session.session_key


def main(slug: str, seed: str, address: str) -> None:
    editors = Editors(slug, int(seed), address)
    for number in range(WRITERS):
        via = editors.browser if number % 2 else editors.script
        threading.Thread(target=editors.run, args=(via,), daemon=True).start()
    report(done="start")
    for line in sys.stdin:
        command = line.strip()
        if command == "write":
            editors.writing.set()
        else:
            threading.Thread(target=getattr(editors, command), daemon=True).start()
    editors.stopping = True


if __name__ == "__main__":
    main(*sys.argv[1:])
