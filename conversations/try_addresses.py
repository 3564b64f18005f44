"""The conversations as /try/ lists them."""

from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Address:
    """`path` begins with /channel/ if it is a WebSocket's; `samples` are texts that can be sent."""

    path: str
    title: str
    text: str
    samples: tuple[str, ...] = ()
    page: str = ""


def addresses() -> list[Address]:
    """In the language of the request."""
    return [
        Address(
            "/channel/test/",
            _("The smallest one"),
            _("All that one sends, everybody gets."),
            ('{"hello": "world"}',),
        ),
        Address(
            "/channel/chat/lobby/",
            _("Chat"),
            _("A moderated room; every line comes back with who said it and when."),
            ('{"message": "Good morning"}',),
            "/chat/lobby/",
        ),
        Address(
            "/channel/chat-class/lobby/",
            _("Chat, as a class"),
            _("The same room, served by a class instead of three functions."),
            ('{"message": "Good morning"}',),
            "/chat/lobby/",
        ),
        Address(
            "/channel/heartbeat/desk/",
            _("Rooms with an envelope"),
            _("One shape for every message; servers push into a room over HTTP."),
            ('{"message": {"goal": "1:0"}}',),
        ),
        Address(
            "/channel/users/isinsufficient/",
            _("Notices to one user"),
            _("Only your own pages hear that your balance is low. Log in first."),
            ('{"ask": "balance"}',),
            "/accounts/balance/",
        ),
        Address(
            "/channel/initials/",
            _("Users by initial"),
            _("Talk to those whose name begins like yours. Log in first."),
            ('{"message": "Hello, namesakes"}',),
        ),
        Address(
            "/channel/voice/studio/",
            _("Voice rooms"),
            _("Passes WebRTC's signals on; the sound goes from browser to browser."),
            ('{"to": "somebody", "offer": {}}',),
            "/voice/studio/",
        ),
        Address(
            "/channel/liveblog/demo/?after=0",
            _("The live blog"),
            _("What was missed comes first, then every change."),
            ('{"after": 0}',),
            "/liveblog/demo/",
        ),
        Address(
            "/channel/desk/demo/",
            _("Editors at work"),
            _("Who else has the editor's page open, and what they are editing. Log in first."),
            ('{"update": null, "typing": false}',),
            "/liveblog/demo/edit/",
        ),
        Address(
            "/channel/by-hand/",
            _("Without groups"),
            _("A loop over a set of readers, to be measured against a group."),
            ('{"hello": "everybody"}',),
        ),
        Address(
            "/raw/",
            _("HTTP as a message"),
            _("A consumer answers the request by itself and streams the body."),
        ),
    ]
