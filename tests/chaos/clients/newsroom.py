"""The editors: a process that writes to one blog all the time and reports every acknowledgement.

    python -m tests.chaos.clients.newsroom SLUG SEED ADDRESS

Half of the writers use liveblog.editing.idempotency, as a script on the server would; the others
post to the
editor's page over HTTP. Whatever goes wrong, a write is sent again with the same key until it is
acknowledged. Commands are words on standard input, reports are JSON lines on standard output.
"""

import http.client
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
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
RATE = 8.0  # writes a second of all writers together
FEWEST, MOST = 45, 80  # rows that are shown: about one page, so that its lower edge comes up
PINNED = 3
ANSWER_WITHIN = 4  # s; then an editor's script sends it again
AGAIN = 0.25  # s between two tries
SCHEDULED_IN = 2  # s
BURST = 210  # rows; more than a replay holds
CSRF = "c" * 32

report_lock = threading.Lock()


def report(**value):
    with report_lock:
        print(json.dumps(value), flush=True)


@dataclass
class Row:
    """An update as its writers know it. `version` is None where it is not theirs to change."""

    id: int
    key: str
    version: int | None
    edits: int = 0
    pinned: bool = False


@dataclass
class Write:
    """One write, the same however often it is sent."""

    kind: str  # create, change, delete, title
    key: str
    row: Row | None = None
    fields: dict = field(default_factory=dict)


class Refused(Exception):
    """Not written, or nobody knows: to be sent again."""


class Editors:
    """Which rows there are, and who is at which."""

    def __init__(self, slug, seed, address):
        self.blog = LiveBlog.objects.get(slug=slug)
        self.random = random.Random(seed)
        self.address = address
        self.lock = threading.Lock()
        self.rows = {}  # those that nobody is at
        self.pinned = 0
        self.writing = threading.Event()
        self.at_work = 0
        self.stopping = False
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={login()}; csrftoken={CSRF}"

    def run(self, via: Callable[[Write], dict]) -> None:
        """One writer's day."""
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
            time.sleep(min(pause, 2))

    def choose(self):
        """The next write. Its row, if any, is its writer's until it is acknowledged."""
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

    def creation(self, scheduled=False):
        key = self.new_key()
        fields = {"body": body(key, 0), "pinned": False}
        if scheduled:
            fields["publish_at"] = timezone.now() + timedelta(seconds=SCHEDULED_IN)
        return Write("create", key, fields=fields)

    def texts(self, row, pinned):
        return {"body": body(row.key, row.edits), "pinned": pinned}

    def new_key(self):
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def take(self, fits):
        fitting = [pk for pk, row in self.rows.items() if fits(row)]
        return self.rows.pop(self.random.choice(fitting)) if fitting else None

    def carry_out(self, write, via):
        """Send it until it is acknowledged."""
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
                time.sleep(AGAIN)
            except idempotency.Conflict as error:
                report(violation=f"{write.kind} {write.key}: {error}")
                return
        else:
            return
        with self.lock:
            self.remember(write, done)
        report(**acknowledged(write, done, via.__name__), tries=tries)

    def remember(self, write, done):
        if write.kind == "delete":
            self.pinned -= write.row.pinned
            return
        row = write.row or Row(done["id"], write.key, None)
        row.pinned = write.fields["pinned"]
        row.version = None if done["action"] == "scheduled" else done["version"]
        self.rows[row.id] = row

    def retitle(self, key):
        blog = LiveBlog.objects.get(pk=self.blog.pk)
        blog.title = f"Title {key[:8]}"
        blog.save()
        report(title=blog.title, revision=blog.revision)

    # The two ways to write

    def script(self, write):
        if not connection.in_atomic_block:
            close_old_connections()
        if write.kind == "create":
            done = idempotency.create(self.blog, write.key, **write.fields)
        elif write.kind == "change":
            row = write.row
            done = idempotency.change(self.blog, write.key, row.id, row.version, **write.fields)
        else:
            done = idempotency.delete(self.blog, write.key, write.row.id, write.row.version)
        return asdict(done)

    def browser(self, write):
        fields = {"key": write.key}
        path = f"/liveblog/{self.blog.slug}/edit/"
        if write.kind == "delete":
            fields["delete"] = write.row.id
        else:
            fields |= {"body": write.fields["body"], "action": "publish"}
            if write.fields["pinned"]:
                fields["pinned"] = "on"
            if moment := write.fields.get("publish_at"):
                fields["publish_at"] = moment.isoformat()
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

    def post(self, path, fields):
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

    def burst(self):
        """More changes than a replay holds, in one transaction, as an import would make them."""
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
        report(done="burst")

    def import_row(self, number, keys):
        """Post an update; most of them go again, for a page must not grow without end."""
        write = Write("create", keys[0], fields={"body": body(keys[0], 0), "pinned": False})
        done = self.script(write)
        yield write, done
        if number % 4:
            write = Write("delete", keys[1], Row(done["id"], keys[0], done["version"]))
            yield write, self.script(write)

    def pause(self):
        self.writing.clear()
        while self.at_work:
            time.sleep(0.02)
        report(done="pause")


def acknowledged(write, done, via="script"):
    """The report of an acknowledgement: what came, and what had been sent."""
    sent = {"body": write.fields.get("body"), "pinned": write.fields.get("pinned")}
    return {"ack": done, "kind": write.kind, "sent": sent, "via": via}


def body(key, edits):
    """The first word says which creation made the row."""
    return f"{key} in version {edits}"


class Conflicting(idempotency.Conflict):
    def __init__(self, answer):
        Exception.__init__(self, answer)

    def __str__(self):
        return self.args[0]


def raise_conflict(answer):
    raise Conflicting(answer[:300])


def login():
    """The session of a superuser, as a login would make it."""
    user = User.objects.create_superuser("chaos")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session.session_key


def main(slug, seed, address):
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
