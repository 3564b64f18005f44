"""Row 59: a public site has no conversations in which strangers relay data to each other."""

import runpy

import pytest
from channels.message import Message
from channels.routing import Router

from consumers import not_found
from conversations.try_addresses import EXAMPLES, addresses, all_addresses
from proj.environment import ROOT, Environment


def found(path):
    """Whether the routes of the present settings have a consumer for the path."""
    router = Router(runpy.run_path(str(ROOT / "routing.py"))["channel_routing"])
    channel = "websocket.connect" if path.startswith("/channel/") else "http.request"
    match = router.match(Message({"path": path.partition("?")[0]}, channel, None))
    return bool(match) and getattr(match[0], "__wrapped__", match[0]) is not not_found.ws_connect


@pytest.mark.parametrize("is_on", [True, False])
def test_row_59_the_examples_are_there_only_where_they_are_wanted(settings, is_on):
    settings.EXAMPLES = is_on
    reachable = {address.path for address in all_addresses() if found(address.path)}
    assert reachable == {address.path for address in addresses()}
    for name in EXAMPLES:
        assert any(f"/{name}/" in path for path in reachable) == is_on
    assert "/channel/chat/lobby/" in reachable


@pytest.mark.parametrize(
    ("environ", "is_on"),
    [({}, True), ({"HTTPS": "1"}, False), ({"HTTPS": "1", "EXAMPLES": "1"}, True)],
)
def test_row_59_they_are_off_on_a_site_with_https(environ, is_on):
    environment = Environment(environ)
    assert (environment.EXAMPLES == "1" or not environment.HTTPS) == is_on
