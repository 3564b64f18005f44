"""A chat room, in functions. consumers/chat_class.py is the same room as a class.

A socket's messages are handled one after the other (`enforce_ordering`), or two lines typed
quickly could change places between two workers. It implies `channel_session`.
"""

from channels.auth import channel_session_user, channel_session_user_from_http
from channels.sessions import enforce_ordering
from channels_realtime.close_codes import FLOOD, NOT_FOUND, NOT_LOGGED_IN
from django.utils.translation import gettext as _

from consumers.refusals import our_pages_only, refuse, reply
from consumers.translation import in_their_language
from conversations.chat import guests
from conversations.chat.room import (
    announce,
    chat_frame,
    chat_group,
    checked,
    force_disconnect,
    is_muted,
    mute,
    send,
    unmute,
)
from conversations.json_text import BadMessage, error_frame, expected, parse
from conversations.rate_limits import CHAT
from conversations.rooms.names import bad_room, is_room_name

__all__ = ["announce", "force_disconnect", "ws_connect", "ws_disconnect", "ws_receive"]

VERBS = {"delete", "mute", "unmute"}
LONGEST_USERNAME = 150


@our_pages_only
@enforce_ordering
@channel_session_user_from_http
@in_their_language
def ws_connect(message, room_name):
    if enter(message, room_name):
        chat_group(room_name).add(message.reply_channel)
        message.reply_channel.send({"accept": True})


@enforce_ordering
@channel_session_user
@in_their_language
def ws_receive(message, room_name):
    try:
        hear(message, room_name, parse(message.get("text")))
    except BadMessage as bad:
        reply(message, bad.frame)


@enforce_ordering
@channel_session_user
def ws_disconnect(message, room_name):
    if is_room_name(room_name):
        chat_group(room_name).discard(message.reply_channel)


def enter(message, room_name) -> bool:
    """Whether the socket may come in; where not, it is refused."""
    if not is_room_name(room_name):
        refuse(message, NOT_FOUND, bad_room().frame)
        return False
    if not message.user.is_authenticated:
        message.channel_session["guest"] = guests.of_handshake(message)
    return True


def hear(message, room_name, content):
    """Do what a socket's JSON asks for. Raises BadMessage where that cannot be done."""
    speaker = message.channel_session.get("guest") or message.user.get_username()
    if not speaker:
        # Logged in once, and no longer: a new password, or a deactivated account.
        sentence = _("You have been logged out. Reload the page to log in again.")
        refuse(message, NOT_LOGGED_IN, error_frame("not_logged_in", sentence))
        return
    count = CHAT.count(speaker)
    if count > CHAT.flood:
        refuse(message, FLOOD, CHAT.too_fast().frame)
    elif count > CHAT.most:
        raise CHAT.too_fast()
    elif isinstance(content, dict) and isinstance(content.get("message"), str):
        say(room_name, speaker, content["message"])
    else:
        moderate(message, room_name, content)


def say(room_name, speaker, text):
    text = checked(text)
    if is_muted(room_name, speaker):
        raise BadMessage("muted", _("A moderator has muted you: you can read, but not write."))
    send(room_name, chat_frame(text, speaker))


def moderate(message, room_name, content):
    """{"delete": id}, {"mute": name} and {"unmute": name}, from staff."""
    verbs = VERBS & content.keys() if isinstance(content, dict) else ()
    if len(verbs) != 1:
        raise expected('{"message": "text"}')
    if not message.user.is_staff:
        raise BadMessage("not_allowed", _("Only staff can moderate."))
    [verb] = verbs
    value = content[verb]
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_USERNAME:
        raise expected(f'{{"{verb}": "…"}}')
    if verb == "delete":
        send(room_name, {"type": "delete", "id": value})
        return
    if verb == "mute":
        mute(room_name, value, message.user)
    else:
        unmute(room_name, value)
    reply(message, {"type": verb, "user": value})
