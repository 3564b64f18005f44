"""The row about what the legacy packages need; test_compat.py shows it in detail."""

import subprocess
import sys

LEGACY = "import channels.handler, channels.worker, daphne.server, asgi_redis, channels.delay.apps"


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_row_27_the_legacy_packages_import_on_this_python_and_django():
    done = run(f"from channels_realtime import compat; compat.install(); {LEGACY}")
    assert done.returncode == 0, done.stderr


def test_row_27_on_the_stock_stack_fails():
    found = "from channels_realtime.compat.versions import add_legacy_folder; add_legacy_folder()"
    assert "ImportError" in run(f"{found}; {LEGACY}").stderr
