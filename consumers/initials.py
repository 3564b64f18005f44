"""Users by initial: a user talks to those whose username begins with the same letter."""

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.message import Message
from django.utils.translation import gettext as _

from consumers.refusals import not_logged_in, our_pages_only, sends_refusals, users_only
from conversations.chat.room import checked
from conversations.json_text import encode, expected, parse
from conversations.rate_limits import check_example


@our_pages_only
@channel_session_user_from_http
@sends_refusals
def ws_connect(message: Message) -> None:
    if not message.user.is_authenticated:
        raise not_logged_in(_("Log in to join."))
    group = group_name(message.user.get_username())
    Group(group).add(message.reply_channel)
    message.channel_session["group"] = group
    message.reply_channel.send({"accept": True})


@channel_session_user
@users_only
@sends_refusals
def ws_receive(message: Message) -> None:
    username = message.user.get_username()
    check_example("initials", message.get("text"))
    content = parse(message.get("text"))
    if not isinstance(content, dict) or not isinstance(content.get("message"), str):
        raise expected('{"message": "text"}')
    frame = {"message": checked(content["message"]), "user": username}
    Group(group_name(username)).send({"text": encode(frame)})


@channel_session_user
def ws_disconnect(message: Message) -> None:
    if group := message.channel_session.get("group"):
        Group(group).discard(message.reply_channel)


def group_name(username: str) -> str:
    """Group names are ASCII: another first letter becomes its code point, 中 "chat-u4e2d"."""
    initial = username[0]
    plain = initial.isascii() and (initial.isalnum() or initial in "-_.")
    return f"chat-{initial}" if plain else f"chat-u{ord(initial):04x}"
