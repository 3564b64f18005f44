"""Users by initial: who is logged in talks to those whose username begins with the same letter."""

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels_realtime.close_codes import NOT_LOGGED_IN
from django.utils.translation import gettext as _

from consumers.refusals import our_pages_only, refuse, reply, users_only
from conversations.chat.room import checked
from conversations.json_text import BadMessage, encode, error_frame, expected, parse


@our_pages_only
@channel_session_user_from_http
def ws_connect(message):
    if not message.user.is_authenticated:
        sentence = _("Log in to join.")
        refuse(message, NOT_LOGGED_IN, error_frame("not_logged_in", sentence))
        return
    group = group_name(message.user.get_username())
    Group(group).add(message.reply_channel)
    message.channel_session["group"] = group
    message.reply_channel.send({"accept": True})


@channel_session_user
@users_only
def ws_receive(message):
    username = message.user.get_username()
    try:
        content = parse(message.get("text"))
        if not isinstance(content, dict) or not isinstance(content.get("message"), str):
            raise expected('{"message": "text"}')
        frame = {"message": checked(content["message"]), "user": username}
    except BadMessage as bad:
        reply(message, bad.frame)
        return
    Group(group_name(username)).send({"text": encode(frame)})


@channel_session_user
def ws_disconnect(message):
    if group := message.channel_session.get("group"):
        Group(group).discard(message.reply_channel)


def group_name(username: str) -> str:
    """Group names are ASCII: another first letter stands as its code point, 中 as "chat-u4e2d"."""
    initial = username[0]
    plain = initial.isascii() and (initial.isalnum() or initial in "-_.")
    return f"chat-{initial}" if plain else f"chat-u{ord(initial):04x}"
