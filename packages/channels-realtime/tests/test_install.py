"""`python -m channels_realtime install`: the legacy packages come into a folder of their own."""

import os
import re
import subprocess
import sys

import pytest
from channels_realtime import __main__ as command
from channels_realtime import compat


def run(*arguments, **environ):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=os.environ | environ
    )


@pytest.fixture
def folder(tmp_path):
    """Another folder with what is installed."""
    for path in compat.LEGACY.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_every_pin_has_a_hash_and_the_version_of_the_bridges():
    lines = [line for line in compat.LEGACY_PINS.read_text().splitlines() if line[0] != "#"]
    pins = dict(re.fullmatch(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}", x).groups() for x in lines)
    assert pins == compat.WRITTEN_FOR | {"asgiref": "1.1.2"}


def test_the_folder_may_be_another_one_and_is_searched_last(folder):
    (folder / "only_here.py").write_text("")
    code = "import sys, channels_realtime as c; c.install(); import only_here; print(sys.path[-1])"
    done = run("-c", code, CHANNELS_REALTIME_LEGACY=str(folder))
    assert (done.returncode, done.stdout.strip()) == (0, str(folder)), done.stderr


def test_a_folder_without_the_packages_ends_with_what_to_do(tmp_path):
    code = "from channels_realtime import compat; compat.install()"
    done = run("-c", code, CHANNELS_REALTIME_LEGACY=str(tmp_path / "nothing"))
    sentence = done.stderr.splitlines()[-1]
    assert "but none is installed: run `python -m channels_realtime install`" in sentence
    assert sentence.endswith(f"which installs into {tmp_path}/nothing.")


@pytest.mark.parametrize(
    ("found", "program"),
    [({"pip": True, "uv": "/bin/uv"}, sys.executable), ({"uv": "/bin/uv"}, "/bin/uv")]
    + [({"pip3": "/bin/pip3"}, "/bin/pip3"), ({}, None)],
)
def test_without_pip_uv_or_another_pip_installs(found, program, monkeypatch, capsys):
    started = []
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: found.get(name))
    monkeypatch.setattr(command.shutil, "which", found.get)

    def start(arguments, **options):
        started.append(arguments)
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(command.subprocess, "run", start)
    code = command.install()
    if program is None:
        assert (code, started) == (1, [])
        assert "Neither pip nor uv was found." in capsys.readouterr().err
    else:
        assert code == 0
        assert started[0][0] == program
        assert {"--require-hashes", str(compat.LEGACY)} <= set(started[0])


@pytest.mark.parametrize(
    "program", [("channels_realtime.interface",), ("channels_realtime", "daphne")]
)
def test_a_server_without_the_packages_prints_only_what_to_do(program, tmp_path):
    done = run("-m", *program, "a.asgi:layer", CHANNELS_REALTIME_LEGACY=str(tmp_path / "nothing"))
    (sentence,) = done.stderr.splitlines()
    assert "run `python -m channels_realtime install`" in sentence
    assert done.returncode == 2  # supervisors do not try again


def test_daphne_runs_with_the_bridges_and_its_own_arguments():
    done = run("-m", "channels_realtime", "daphne", "--help")
    assert done.returncode == 0, done.stderr
    assert "--ws-protocol" in done.stdout


def test_other_packages_come_into_the_same_folder_without_their_dependencies(monkeypatch, capsys):
    started = []

    def start(arguments, **options):
        started.append(arguments)
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(command.subprocess, "run", start)
    assert command.install(["channels-api==0.4.1"]) == 0
    _, others = started
    assert {"--no-deps", "--target", str(compat.LEGACY), "channels-api==0.4.1"} <= set(others)
    assert "--require-hashes" not in others
    assert f"and channels-api==0.4.1 into {compat.LEGACY}." in capsys.readouterr().out


def test_arguments_that_install_does_not_have_are_refused():
    assert run("-m", "channels_realtime", "install", "--fast").returncode == 2
