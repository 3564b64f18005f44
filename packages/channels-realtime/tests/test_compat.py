"""One test per bridge: what was broken works, with the unmodified legacy packages."""

import subprocess
import sys
from importlib import metadata

import django
import pytest
from channels_realtime import compat

BEHAVIOUR = "channels_realtime.compat.behaviour"


def run_python(code, *options):
    return subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=60
    )


def test_without_the_bridges_channels_does_not_import():
    assert run_python("import channels.signals").returncode != 0


def test_install_twice_changes_nothing_more():
    compat.install()
    before = [sys.modules["django.utils.six"], sys.modules["channels.signals"]]
    compat.install()
    assert [sys.modules["django.utils.six"], sys.modules["channels.signals"]] == before


def test_after_a_bridge_that_fails_install_fails_again_until_it_can_succeed():
    done = run_python(
        "import sys\n"
        "from channels_realtime import compat\n"
        "def attempt():\n"
        "    try:\n"
        "        compat.install()\n"
        "        return 'installed'\n"
        "    except ImportError:\n"
        "        return 'failed'\n"
        "sys.modules['msgpack'] = None\n"
        "outcomes = [attempt(), attempt()]\n"
        "del sys.modules['msgpack']\n"
        "outcomes.append(attempt())\n"
        "import channels.sessions\n"
        "print(*outcomes, channels.sessions.enforce_ordering.__module__)"
    )
    assert done.stdout.split() == ["failed", "failed", "installed", BEHAVIOUR], done.stderr


def test_the_bridges_alone_load_no_worker():
    done = run_python(
        "import sys; from channels_realtime import compat; compat.install();"
        "import channels.sessions;"
        "sys.exit('channels_realtime.worker.ordering' in sys.modules)"
    )
    assert done.returncode == 0, done.stderr


def test_daphne_is_loaded_for_the_development_server_alone():
    done = run_python(
        "import sys; from channels_realtime import compat; compat.install();"
        "import django; from django.conf import settings;"
        "settings.configure(INSTALLED_APPS=['django.contrib.staticfiles', 'channels']);"
        "django.setup(); print('daphne.server' in sys.modules);"
        "from django.contrib.staticfiles.management.commands.runserver import Command;"
        "print(Command.__bases__[0].__module__, 'daphne.server' in sys.modules)"
    )
    expected = ["False", "channels.management.commands.runserver", "True"]
    assert done.stdout.split() == expected, done.stderr


def test_another_version_is_refused_with_one_sentence(monkeypatch):
    found = metadata.version
    monkeypatch.setattr(metadata, "version", lambda n: "2.0" if n == "daphne" else found(n))
    with pytest.raises(compat.UnsupportedPackage) as refusal:
        compat.refuse_other_versions()
    assert str(refusal.value) == (
        "channels_realtime.compat needs daphne 1.4.2, but daphne 2.0 is installed. Uninstall it."
    )


def test_an_old_django_is_refused_with_one_sentence(monkeypatch):
    monkeypatch.setattr(django, "VERSION", (2, 2, 28, "final", 0))
    with pytest.raises(compat.UnsupportedPackage) as refusal:
        compat.refuse_other_versions()
    assert str(refusal.value) == (
        "channels_realtime.compat needs Django 4.2 or later, but Django 2.2.28 is installed."
    )


def test_a_missing_package_is_refused_with_one_sentence(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(compat.UnsupportedPackage, match=r"needs channels 1\.1\.8, but none"):
        compat.refuse_other_versions()


def test_both_asgirefs_are_there():
    from asgiref.base_layer import BaseChannelLayer
    from asgiref.sync import async_to_sync

    assert BaseChannelLayer and async_to_sync


def test_cgi_parses_a_content_type():
    import cgi

    assert cgi.parse_header("text/plain; charset=utf-8") == ("text/plain", {"charset": "utf-8"})


def test_the_package_checks_compare_versions():
    from channels.package_checks import check_all

    check_all()


def test_six_is_where_channels_looks_for_it():
    from django.utils import six
    from django.utils.six.moves.urllib.parse import urlparse
    from django.utils.six.moves.urllib.request import url2pathname

    assert six.text_type is str and urlparse("ws://host/").hostname == "host" and url2pathname


def test_the_signals_of_channels_fire():
    from channels.signals import consumer_started

    heard = []
    consumer_started.connect(lambda environ, **_: heard.append(environ), weak=False)
    receivers = consumer_started.receivers[-1:]
    consumer_started.send(sender=None, environ={"a": 1})
    consumer_started.receivers = [r for r in consumer_started.receivers if r not in receivers]
    from channels.message import pending_message_store

    pending_message_store.send_and_flush()
    assert heard == [{"a": 1}]


def test_django_admits_the_delay_app():
    done = run_python(
        "from channels_realtime import compat; compat.install()\n"
        "import django\n"
        "from django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['channels', 'channels.delay'])\n"
        "django.setup()\n"
        "from channels.delay.models import DelayedMessage; print(DelayedMessage._meta.app_label)"
    )
    assert done.stdout.strip() == "channels_delay", done.stderr


def test_a_message_survives_packing_with_any_key(stock_layer):
    message = {"text": "Grüße", "bytes": b"\x00\xff", "list": [1, {"deep": None}], "map": {1: 2}}
    stock_layer.send("packed", message)
    assert stock_layer.receive(["packed"]) == ("packed", message)


def test_group_members_are_added_and_reached(stock_layer):
    stock_layer.group_add("readers", "someone")
    stock_layer.send_group("readers", {"text": "hello"})
    assert stock_layer.group_channels("readers") == ["someone"]
    assert stock_layer.receive(["someone"]) == ("someone", {"text": "hello"})


def test_an_idle_receive_ends_empty_handed_and_not_in_an_error(stock_layer):
    assert stock_layer.receive(["silence"], block=True) == (None, None)


def test_ordering_works_on_the_stock_layer(stock_layer):
    from channels.asgi import ChannelLayerWrapper
    from channels.message import Message, pending_message_store
    from channels.sessions import enforce_ordering
    from django.test import override_settings

    @enforce_ordering
    def receive(message):
        message.reply_channel.send({"text": message["text"]})

    layer = ChannelLayerWrapper(stock_layer, "default", [])
    with override_settings(CHANNEL_SESSION_ENGINE="django.contrib.sessions.backends.cache"):
        for order in (1, 0):  # the first one comes too early
            content = {"order": order, "text": str(order), "reply_channel": "plain!socket"}
            pending_message_store.prepare()
            receive(Message(content, "websocket.receive", layer))
            pending_message_store.send_and_flush()
    assert stock_layer.receive(["plain!"]) == ("plain!socket", {"text": "0"})
    channel, content = stock_layer.receive(["websocket.receive"])
    assert (channel, content["order"]) == ("websocket.receive", 1)


def test_test_cases_undo_their_preparation_and_refuse_a_database_in_memory():
    """Django prepares the first test of a class before it looks whether the test is skipped."""
    done = run_python(
        "from channels_realtime import compat; compat.install()\n"
        "import unittest, django\n"
        "from django.conf import settings\n"
        "layer = {'BACKEND': 'asgiref.inmemory.ChannelLayer', 'ROUTING': [], 'TEST_CONFIG': {}}\n"
        "database = {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}\n"
        "settings.configure(\n"
        "    INSTALLED_APPS=['channels'], DATABASES={'default': database},\n"
        "    CHANNEL_LAYERS={'default': layer},\n"
        ")\n"
        "django.setup()\n"
        "from channels import channel_layers\n"
        "from channels.test import ChannelLiveServerTestCase, TransactionChannelTestCase\n"
        "class Skipped(TransactionChannelTestCase):\n"
        "    @unittest.skip('')\n"
        "    def test(self): pass\n"
        "class Live(ChannelLiveServerTestCase):\n"
        "    def test(self): pass\n"
        "def run(case):\n"
        "    result = unittest.TestResult()\n"
        "    unittest.defaultTestLoader.loadTestsFromTestCase(case)(result)\n"
        "    return result\n"
        "before = channel_layers['default']\n"
        "assert len(run(Skipped).skipped) == 1\n"
        "assert channel_layers['default'] is before\n"
        "[(_, error)] = run(Live).errors\n"
        "assert 'can not be used with in memory databases' in error, error\n"
    )
    assert done.returncode == 0, done.stderr


def test_importing_channels_loads_no_reactor_and_no_test_case():
    done = run_python(
        "from channels_realtime import compat; compat.install(); import sys, channels.handler\n"
        "sys.exit(bool({'twisted.internet.reactor', 'django.test.testcases'} & {*sys.modules}))"
    )
    assert done.returncode == 0, done.stderr


def test_our_modules_raise_no_deprecation_warning():
    """Warnings are blamed on the module that caused them; only ours are turned into errors."""
    done = run_python(
        "import warnings\n"
        "ours = {'category': DeprecationWarning, 'module': 'channels_realtime'}\n"
        "warnings.filterwarnings('error', **ours)\n"
        "from channels_realtime import compat; compat.install()\n"
        "import channels_realtime.interface.command_line, channels_realtime.interface.server\n"
        "import channels_realtime.worker.worker, channels_realtime.worker.ordering\n"
        "import channels_realtime.sessions, channels_realtime.metrics.prometheus\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_start_does_not_load_setuptools():
    """It brings its own distutils, which took a tenth of a second in every process."""
    done = run_python(
        "import sys; from channels_realtime import compat; compat.install();"
        "import channels.package_checks; channels.package_checks.check_all();"
        "sys.exit('setuptools' in sys.modules)"
    )
    assert done.returncode == 0, done.stderr


def test_a_worker_loads_no_autobahn():
    done = run_python(
        "import sys; from channels_realtime import compat; compat.install();"
        "import channels_realtime.layer.channel_layer;"
        "sys.exit('autobahn' in sys.modules)"
    )
    assert done.returncode == 0, done.stderr
