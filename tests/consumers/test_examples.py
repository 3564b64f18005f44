"""Row 59: a public site has no conversations in which strangers relay data to each other."""

import json
import os
import runpy
import subprocess
import sys

import pytest
from channels.message import Message
from channels.routing import Router

from consumers import not_found
from proj.environment import ROOT

EXAMPLES = [
    *("/channel/test/", "/channel/by-hand/", "/channel/heartbeat/x/", "/channel/chat-class/x/"),
    *("/channel/initials/", "/raw/"),
]
OTHERS = ["/channel/liveblog/demo/", "/channel/chat/x/", "/channel/voice/x/"]
CODE = """
import django, json
django.setup()
from django.conf import settings
print(json.dumps(settings.EXAMPLE_CONVERSATIONS))
"""


def is_routed(path: str) -> bool:
    """Whether the routes of the present settings have a consumer for the path."""
    router = Router(runpy.run_path(str(ROOT / "routing.py"))["channel_routing"])
    channel = "websocket.connect" if path.startswith("/channel/") else "http.request"
    match = router.match(Message({"path": path}, channel, None))
    return bool(match) and getattr(match[0], "__wrapped__", match[0]) is not not_found.ws_connect


@pytest.mark.parametrize("is_on", [True, False])
def test_row_59_the_examples_are_there_only_where_they_are_wanted(settings, is_on):
    settings.EXAMPLE_CONVERSATIONS = is_on
    assert [path for path in EXAMPLES if is_routed(path) != is_on] == []
    assert all(is_routed(path) for path in OTHERS)


def test_row_59_a_site_with_https_has_none():
    environ = os.environ | {"HTTPS": "1", "DJANGO_SETTINGS_MODULE": "proj.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert json.loads(done.stdout) is False
