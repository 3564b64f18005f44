"""Which consumer handles the messages of which channel and path."""

from types import ModuleType

from channels.routing import Route, route, route_class
from django.conf import settings

from accounts.notices import MAIL_CHANNEL
from accounts.passwords import RESET_CHANNEL
from consumers import (
    by_hand,
    chat,
    chat_class,
    desk,
    echo,
    initials,
    liveblog,
    mails,
    not_found,
    notifications,
    ops,
    raw,
    rooms,
    voice,
)
from consumers.refusals import answers_outages
from liveblog.review.mail import MAIL_CHANNEL as REVIEW_CHANNEL
from liveblog.teams.mail import MAIL_CHANNEL as INVITATION_CHANNEL
from ops.probing import PROBE_CHANNEL

SLUG = r"(?P<slug>[-a-zA-Z0-9_]{1,80})/$"
# Any name: the consumers refuse a wrong one with a sentence.
ROOM = r"(?P<room_name>[^/]+)/$"


def conversation(module: ModuleType, path: str) -> list[Route]:
    """Route the events of sockets under a path to the three functions of one file."""
    return [
        route("websocket.connect", answers_outages(module.ws_connect), path=path),
        route("websocket.receive", answers_outages(module.ws_receive), path=path),
        route("websocket.disconnect", module.ws_disconnect, path=path),
    ]


# They relay what strangers send to each other, so a public site has none of them: EXAMPLES.
examples = [
    route_class(chat_class.ChatConsumer, path=r"^/channel/chat-class/" + ROOM),
    *conversation(rooms, r"^/channel/heartbeat/" + ROOM),
    *conversation(initials, r"^/channel/initials/$"),
    *conversation(by_hand, r"^/channel/by-hand/$"),
    *conversation(echo, r"^/channel/test/$"),
    route("http.request", raw.http_request, path=r"^/raw/$"),
]

# An http.request without a route goes to Django's views.
channel_routing = [
    *conversation(liveblog, r"^/channel/liveblog/" + SLUG),
    *conversation(desk, r"^/channel/desk/" + SLUG),
    *conversation(chat, r"^/channel/chat/" + ROOM),
    *conversation(voice, r"^/channel/voice/" + ROOM),
    *conversation(notifications, r"^/channel/users/isinsufficient/$"),
    *conversation(ops, r"^/channel/ops/$"),
    *(examples if settings.EXAMPLES else ()),
    *conversation(not_found, r""),
    # Sent by deploy/release.
    route(PROBE_CHANNEL, ops.probe),
    # Channels of their own: mail takes as long as the mail server likes.
    route(MAIL_CHANNEL, notifications.low_balance_mail),
    route(RESET_CHANNEL, mails.password_reset),
    route(INVITATION_CHANNEL, mails.invitation),
    route(REVIEW_CHANNEL, mails.review_note),
]
