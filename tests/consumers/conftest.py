"""The whole product with encryption keys, on a Redis that asks for a password and numbers its
databases: what works here works on a plain one, which tests/e2e uses."""

import json

import pytest
from harness.redis_servers import RedisServer
from harness.waiting import PATIENCE

from tests.e2e.stack import Reader, Stack

TOKEN = "a token of the newsroom's"
NAMES = ("anna", "ben", "berta", "中村", "editor")
MAKE_USERS = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore

keys = {}
for name in NAMES:
    user = User.objects.create_user(name, email="reader@example.com", is_staff=name == "editor")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys[name] = session.session_key
print(json.dumps(keys))
"""


class Client(Reader):
    """A reader of any conversation, not of the live blog's alone."""

    def frame(self):
        """The next frame, waited for."""
        return json.loads(self.socket.recv(timeout=PATIENCE))


@pytest.fixture(scope="package")
def locked_redis():
    with RedisServer("--requirepass", "password") as server:
        server.url = f"redis://default:password@127.0.0.1:{server.port}/3"
        yield server


@pytest.fixture(scope="package")
def stack(locked_redis):
    keys = "the newest key,an older one"
    with Stack(REDIS_URL=locked_redis.url, CHANNEL_KEYS=keys, API_TOKENS=f"other,{TOKEN}") as stack:
        yield stack


@pytest.fixture(scope="package")
def sessions(stack):
    """The session keys of users who are logged in, by username."""
    return json.loads(stack.shell(f"NAMES = {NAMES!r}" + MAKE_USERS))


@pytest.fixture
def room(request):
    """The name of a room of this test's own."""
    return f"r{abs(hash(request.node.nodeid)):x}"


# The users are the same in all tests, which together may exceed a limit on a fast machine.
FORGET_WINDOWS = """
from conversations.redis_store import layer, redis
keys = list(redis().scan_iter(f"{layer().prefix}:rate:*"))
if keys:
    redis().delete(*keys)
"""


@pytest.fixture
def connect(stack, request):
    """connect(path, user=None): a WebSocket client; closed with the test."""
    stack.shell(FORGET_WINDOWS)
    readers = []

    def connect(path, user=None, **options):
        if user:
            key = request.getfixturevalue("sessions")[user]
            options["additional_headers"] = {"Cookie": f"sessionid={key}"}
        readers.append(Client(f"ws://{stack.address}{path}", **options))
        return readers[-1]

    yield connect
    for reader in readers:
        reader.socket.close()


HOLD = """
from conversations.redis_store import layer, redis
keys = list(redis().scan_iter(f"{layer().prefix}:rate:*"))
assert keys, "no window has begun"
for key in keys:
    redis().persist(key)
"""


@pytest.fixture
def hold_windows(stack):
    """hold_windows(): limits' windows that have begun do not end, however busy the machine is."""
    return lambda: stack.shell(HOLD)


BAD_JSON = [
    "{",
    "",
    "[" * 5000,
    b"\x00\xff",
    "NaN",
    "[1e999]",
    '"\\ud800"',
    '"' + "x" * 70_000 + '"',
]
