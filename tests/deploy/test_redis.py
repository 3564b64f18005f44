"""Each form of REDIS_URL in docs/configuration.md, with real servers and the whole product."""

import contextlib
import shutil

import pytest
from harness.network import free_port
from harness.redis_servers import RedisSentinel, RedisServer
from harness.waiting import wait_until

from tests.certificates import make_certificate
from tests.e2e.stack import Stack


@contextlib.contextmanager
def tls(folder):
    """A Redis that accepts only TLS and requires a password."""
    make_certificate(folder / "ca.pem", folder / "key.pem")
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no", "--requirepass", "secret"]
    options += ["--tls-cert-file", f"{folder}/ca.pem", "--tls-key-file", f"{folder}/key.pem"]
    with RedisServer(*options):
        yield f"rediss://:secret@127.0.0.1:{port}/0?ssl_ca_certs={folder}/ca.pem"


@contextlib.contextmanager
def shards(folder):
    with RedisServer() as one, RedisServer() as two:
        yield f"{one.url},{two.url}"


@contextlib.contextmanager
def sentinel(folder):
    with RedisServer() as server, RedisSentinel(server, "mymaster") as watcher:
        yield f"sentinel://127.0.0.1:{watcher.port}/mymaster"


@contextlib.contextmanager
def valkey(folder):
    """Not in Debian 12; TEST_REDIS_SERVER has every test use it."""
    if not shutil.which("valkey-server"):
        pytest.skip("there is no valkey-server")
    with RedisServer(program="valkey-server") as server:
        yield server.url


@contextlib.contextmanager
def user(folder):
    """A user with the rights that docs/configuration.md names."""
    with RedisServer() as server:
        rules = ["on", ">secret", "~asgi*", "&*", "+@all", "-@dangerous", "+info"]
        server.client().execute_command("ACL SETUSER", "liveblog", *rules)
        yield f"redis://liveblog:secret@127.0.0.1:{server.port}/0"


@pytest.mark.parametrize("way", [tls, shards, sentinel, user, valkey], ids=lambda way: way.__name__)
def test_a_post_reaches_a_reader(way, tmp_path):
    with (
        way(tmp_path) as url,
        Stack(REDIS_URL=url, CHANNEL_KEYS="a key", WORKERS="1") as stack,
        stack.reader() as reader,
    ):
        assert not stack.pids("redis-server")
        assert reader.frame()["type"] == "replay"
        stack.post("demo", "Hello")
        assert reader.frame()["content"] == "<p>Hello</p>"
        wait_until(stack.healthy, "/readyz")
