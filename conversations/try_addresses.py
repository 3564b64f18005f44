"""The conversations as /try/ lists them."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Address:
    """`path` begins with /channel/ if it is a WebSocket's; `samples` are texts that can be sent."""

    path: str
    title: str
    text: str
    samples: tuple[str, ...] = ()
    page: str = ""


# Only with the setting EXAMPLES; routing.py has their routes.
EXAMPLES = ("test", "chat-class", "heartbeat", "initials", "by-hand", "raw")


def addresses() -> list[Address]:
    """Those that this site has, in the language of the request."""
    return [
        each
        for each in all_addresses()
        if settings.EXAMPLES or each.path.removeprefix("/channel").split("/")[1] not in EXAMPLES
    ]


def all_addresses() -> list[Address]:
    return [
        Address(
            "/channel/test/",
            _("Echo"),
            _("Everything that one client sends goes to all."),
            ('{"hello": "world"}',),
        ),
        Address(
            "/channel/chat/lobby/",
            _("Chat"),
            _("A moderated room. Each message has an author and a time."),
            ('{"message": "Good morning"}',),
            "/chat/lobby/",
        ),
        Address(
            "/channel/chat-class/lobby/",
            _("Chat (class-based)"),
            _("The same room, implemented as a class instead of three functions."),
            ('{"message": "Good morning"}',),
            "/chat/lobby/",
        ),
        Address(
            "/channel/heartbeat/desk/",
            _("Rooms with a message envelope"),
            _("All messages have the same shape. Servers can post to a room over HTTP."),
            ('{"message": {"goal": "1:0"}}',),
        ),
        Address(
            "/channel/users/isinsufficient/",
            _("Notifications to one user"),
            _("Tells your own pages that your balance is low. Log in first."),
            ('{"ask": "balance"}',),
            "/accounts/balance/",
        ),
        Address(
            "/channel/initials/",
            _("Users by initial"),
            _("A room for users whose names have the same initial. Log in first."),
            ('{"message": "Hello, namesakes"}',),
        ),
        Address(
            "/channel/voice/studio/",
            _("Voice rooms"),
            _("Relays WebRTC signals. The sound goes directly between browsers."),
            ('{"to": "somebody", "offer": {}}',),
            "/voice/studio/",
        ),
        Address(
            "/channel/liveblog/demo/?after=0",
            _("The live blog"),
            _("First a replay of what was missed, then every change."),
            ('{"after": 0}',),
            "/liveblog/demo/",
        ),
        Address(
            "/channel/desk/demo/",
            _("Editor presence"),
            _("Who else has the editor open, and what they are editing. Log in first."),
            ('{"update": null, "typing": false}',),
            "/liveblog/demo/edit/",
        ),
        Address(
            "/channel/by-hand/",
            _("Without groups"),
            _("A loop over all readers, for comparison with a group."),
            ('{"hello": "everybody"}',),
        ),
        Address(
            "/raw/",
            _("HTTP as messages"),
            _("A consumer answers the request and streams the body."),
        ),
    ]
