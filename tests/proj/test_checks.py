"""System checks: production settings are clean, each wrong pair has its id and a hint."""

import os
import subprocess
import sys

import pytest
from channels_realtime import tracing

from proj.checks import traces_can_be_sent
from tests.e2e.stack import ROOT

PRODUCTION = {
    "SECRET_KEY": "a key of production, long enough to be a secret. 0123456789",
    "ALLOWED_HOSTS": "blog.example.org",
    "HTTPS": "1",
    "TRUSTED_HOPS": "1",
    "REDIS_URL": "",
    "DEBUG": "0",
}


def check(tmp_path, **environ):
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(tmp_path)} | PRODUCTION | environ,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_production_settings_are_clean(tmp_path):
    code, told = check(tmp_path)
    assert code == 0 and "no issues" in told, told


def test_a_redis_of_this_host_needs_neither_keys_nor_postgresql(tmp_path):
    shards = [
        "redis://:password@127.0.0.1:6379/0",
        "redis://localhost:6379/1",
        "redis://[::1]:6379/2",
        "rediss://127.0.0.1:6380/0",
        "unix:///run/redis.sock",
    ]
    code, told = check(tmp_path, REDIS_URL=",".join(shards))
    assert code == 0 and "no issues" in told, told


REMOTE = "redis://127.example.org:6379/0"
WRONG = {
    "liveblog.E001": {"TRUSTED_HOPS": "0"},
    "liveblog.E002": {"DEBUG": "1"},
    "liveblog.E003": {"ALLOWED_HOSTS": "*"},
    "liveblog.W004": {"HTTPS": "0"},
    "liveblog.W005": {"REDIS_URL": REMOTE, "DATABASE_URL": "postgres://10.0.0.7/liveblog"},
    "liveblog.W006": {"REDIS_URL": REMOTE, "CHANNEL_KEYS": "a key"},
    "liveblog.W008": {"REDIS_URL": REMOTE, "CHANNEL_KEYS": "a key"},
}


@pytest.mark.parametrize("identity", WRONG)
def test_each_wrong_pair_has_its_id_and_a_hint(tmp_path, identity):
    code, told = check(tmp_path, **WRONG[identity])
    assert code != 0 and f"({identity})" in told
    assert "HINT" in told.split(f"({identity})")[1]


def test_a_collector_for_traces_needs_the_packages(monkeypatch):
    assert list(traces_can_be_sent()) == []
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert list(traces_can_be_sent()) == []
    monkeypatch.setattr(tracing, "is_installed", lambda: False)
    [warning] = traces_can_be_sent()
    assert warning.id == "liveblog.W007" and warning.hint
