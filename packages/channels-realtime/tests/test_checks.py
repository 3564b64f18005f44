"""Django system checks: settings that are valid and yet not what the owner wanted."""

import copy
import re
from pathlib import Path

import django
import pytest
from channels_realtime import checks
from channels_realtime.doctor.installed import location_of, names_of, source_of
from django.conf import settings
from django.core.checks import Tags, run_checks
from django.db import connection
from django.test import override_settings

django.setup()

OURS = settings.CHANNEL_LAYERS["default"]


def layers(**changes):
    """CHANNEL_LAYERS with another default; `CONFIG` is added to ours."""
    layer = copy.deepcopy(OURS)
    layer["CONFIG"] |= changes.pop("CONFIG", {})
    return {"default": layer | changes}


def found(tags=None, databases=None):
    """Id -> message, of this package's checks."""
    messages = run_checks(tags=tags, databases=databases)
    return {each.id: each for each in messages if each.id.startswith("channels_realtime.")}


STOCK = layers(BACKEND="asgi_redis.RedisChannelLayer")
WRONG = [
    ("W001", {"INSTALLED_APPS": ["channels", "channels_realtime"]}, "runworker"),
    (
        "W001",
        {"INSTALLED_APPS": ["django.contrib.staticfiles", "channels_realtime"]},
        "runserver",
    ),
    (
        "W002",
        {"CHANNEL_SESSION_ENGINE": "channels_realtime.sessions", "CHANNEL_LAYERS": STOCK},
        "asgi_redis.RedisChannelLayer",
    ),
    ("E003", {"SESSION_ENGINE": "channels_realtime.sessions"}, "CHANNEL_SESSION_ENGINE"),
    ("W006", {"ASGI_APPLICATION": "proj.asgi.application"}, "ASGI_APPLICATION"),
    ("W006", {"CHANNEL_LAYERS": layers(CONFIG={"attempts": 2})}, "attempts"),
    (
        "W006",
        {"CHANNEL_LAYERS": layers(CONFIG={"connection_kwargs": {"socket_timeout": 60}})},
        "socket_timeout",
    ),
]


@pytest.mark.parametrize(("identity", "changed", "named"), WRONG)
def test_a_wrong_setting_has_an_id_and_a_hint(identity, changed, named):
    with override_settings(**changed):
        message = found()[f"channels_realtime.{identity}"]
    assert named in f"{message.msg} {message.hint}"
    assert message.hint


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"CHANNEL_SESSION_ENGINE": "channels_realtime.sessions"},
        {"CHANNEL_LAYERS": STOCK},
        {"CHANNEL_LAYERS": {}},
        {"CHANNEL_LAYERS": layers(CONFIG={"acknowledged": ["mail.*"], "attempts": 2})},
        {"CHANNEL_LAYERS": layers(CONFIG={"connection_kwargs": {"client_name": "site"}})},
    ],
)
def test_right_settings_have_none(changed, project_with_asgi):
    with override_settings(**changed, SETTINGS_MODULE=f"{project_with_asgi}.settings"):
        assert found() == {}


def test_the_readme_lists_every_check():
    text = Path(__file__).resolve().parent.with_name("README.md").read_text()
    source = Path(checks.__file__).read_text()
    listed = re.findall(r"^\| `(channels_realtime\.[A-Z]\d+)`", text, re.M)
    assert listed == sorted(listed, key=lambda each: each[-3:])
    assert set(listed) == set(re.findall(r'"(channels_realtime\.[A-Z]\d+)"', source))


COMMAND = "from channels.management.commands.runworker import Command"


def test_a_command_that_never_runs_is_reported(tmp_path, monkeypatch):
    folder = tmp_path / "own" / "management" / "commands"
    folder.mkdir(parents=True)
    for path in (tmp_path / "own", folder.parent, folder):
        (path / "__init__.py").write_text("")
    (folder / "runworker.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(INSTALLED_APPS=["channels_realtime", "own", "channels"]):
        assert "`runworker` of `own`" in found()["channels_realtime.W009"].msg
    with override_settings(INSTALLED_APPS=["own", "channels_realtime", "channels"]):
        assert "channels_realtime.W009" not in found()


# asgi.py


def forget():
    """A process reads a module once; forget what was read."""
    for function in (location_of, source_of, names_of):
        function.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package that holds a project's settings; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, **files):
        (tmp_path / name).mkdir()
        for module, text in {"__init__": "", "settings": "", **files}.items():
            (tmp_path / name / f"{module}.py").write_text(text)
        return name

    return write


@pytest.fixture
def project_with_asgi(package):
    return package("with_asgi", asgi="channel_layer = get_channel_layer()")


def test_a_missing_asgi_module_is_reported(package):
    name = package("without_asgi")
    with override_settings(SETTINGS_MODULE=f"{name}.settings"):
        message = found()["channels_realtime.W004"]
    assert "without_asgi/asgi.py" in message.msg
    assert "get_channel_layer" in message.hint


def test_djangos_own_asgi_module_is_not_enough(package):
    name = package("django_asgi", asgi="application = get_asgi_application()")
    with override_settings(SETTINGS_MODULE=f"{name}.settings"):
        assert "channel_layer" in found()["channels_realtime.W004"].msg


def test_the_module_may_be_in_another_package(project_with_asgi, package):
    name = package("settings_only")
    wsgi = f"{project_with_asgi}.wsgi.application"
    with override_settings(SETTINGS_MODULE=f"{name}.settings", WSGI_APPLICATION=wsgi):
        assert found() == {}


def test_settings_without_a_package_have_it_beside_them(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(SETTINGS_MODULE="settings"):
        assert "asgi.py is missing" in found()["channels_realtime.W004"].msg
        forget()
        (tmp_path / "asgi.py").write_text("channel_layer = None")
        assert found() == {}


# channels.delay


@pytest.fixture
def delay():
    """The app under its new label, with its table."""
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "channels.delay"]):
        from channels.delay.models import DelayedMessage

        with connection.schema_editor() as editor:
            editor.create_model(DelayedMessage)
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(DelayedMessage)


@pytest.fixture
def old_table():
    """The table that the app had on Django 1.11."""
    with connection.cursor() as cursor:
        cursor.execute('CREATE TABLE "channels.delay_delayedmessage" (id integer, content text)')
        yield cursor
        cursor.execute('DROP TABLE "channels.delay_delayedmessage"')


def test_messages_in_the_old_table_of_the_delay_server_are_reported(delay, old_table):
    old_table.execute("INSERT INTO \"channels.delay_delayedmessage\" VALUES (1, '{}')")
    message = found([Tags.database], ["default"])["channels_realtime.W005"]
    assert "channels.delay_delayedmessage" in message.msg
    assert "rundelay" in message.hint


def test_an_empty_old_table_is_not(delay, old_table):
    assert found([Tags.database], ["default"]) == {}


def test_no_old_table_is_not(delay):
    assert found([Tags.database], ["default"]) == {}
