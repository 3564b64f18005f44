"""A chat room, in functions. consumers/chat_class.py is the same room as a class.

A socket's messages are handled one after the other (`enforce_ordering`), or two lines typed
quickly could change places between two workers. It implies `channel_session`.
"""

from urllib.parse import parse_qs

from channels.auth import channel_session_user, channel_session_user_from_http
from channels.message import Message
from channels.sessions import enforce_ordering
from django.utils.translation import gettext as _

from consumers.refusals import not_logged_in, our_pages_only, reply, sends_refusals
from consumers.translation import in_their_language
from conversations.addresses import limited_address_of
from conversations.chat import guests
from conversations.chat.history import history_frame
from conversations.chat.room import (
    announce,
    chat_group,
    checked,
    delete,
    force_disconnect,
    is_muted,
    mute,
    new_line,
    send,
    unmute,
)
from conversations.json_text import encode, expected, parse
from conversations.rate_limits import CHAT, GUESTS
from conversations.refusals import Refusal
from conversations.rooms.names import is_room_name, require_room_name

__all__ = ["announce", "force_disconnect", "ws_connect", "ws_disconnect", "ws_receive"]

COMMANDS = {"delete", "mute", "unmute"}
LONGEST_USERNAME = 150


@our_pages_only
@enforce_ordering
@channel_session_user_from_http
@in_their_language
@sends_refusals
def ws_connect(message: Message, room_name: str) -> None:
    admit(message, room_name)
    # Join first: a line that is sent after the history is read then reaches this socket anyway.
    chat_group(room_name).add(message.reply_channel)
    after = asked_after(message)
    history = {} if after is None else {"text": encode(history_frame(room_name, after))}
    message.reply_channel.send({"accept": True, **history})


@enforce_ordering
@channel_session_user
@in_their_language
@sends_refusals
def ws_receive(message: Message, room_name: str) -> None:
    handle(message, room_name, parse(message.get("text")))


@enforce_ordering
@channel_session_user
def ws_disconnect(message: Message, room_name: str) -> None:
    if is_room_name(room_name):
        chat_group(room_name).discard(message.reply_channel)


def admit(message: Message, room_name: str) -> None:
    """Check the room's name, and give a name to a user who is not logged in. Raises Refusal."""
    require_room_name(room_name)
    if not message.user.is_authenticated:
        message.channel_session["guest"] = guests.of_handshake(message)
        message.channel_session["address"] = limited_address_of(message)


def asked_after(message: Message) -> str | None:
    """The line after which a handshake asks for the history; None if it does not ask."""
    query = parse_qs(message.content["query_string"].decode("latin1"))
    return query.get("after", [None])[0]


def handle(message: Message, room_name: str, content: object) -> None:
    """Do what a socket's JSON asks for. Raises Refusal."""
    sender = message.channel_session.get("guest") or message.user.get_username()
    if not sender:
        # The user was logged in at the handshake; since then the password was changed, or the
        # account deactivated.
        raise not_logged_in(_("You have been logged out. Reload the page to log in again."))
    CHAT.check(sender)
    GUESTS.check_shared(message.channel_session.get("address"))
    if isinstance(content, dict) and isinstance(content.get("message"), str):
        send_line(room_name, sender, content["message"])
    elif isinstance(content, dict) and isinstance(content.get("after"), str):
        reply(message, history_frame(room_name, content["after"]))
    else:
        moderate(message, room_name, content)


def send_line(room_name: str, sender: str, text: str) -> None:
    text = checked(text)
    if is_muted(room_name, sender):
        raise Refusal("muted", _("A moderator has muted you: you can read, but not write."), 403)
    send(room_name, new_line(text, sender))


def moderate(message: Message, room_name: str, content: object) -> None:
    """{"delete": id}, {"mute": name} and {"unmute": name}, from staff. Raises Refusal."""
    if not isinstance(content, dict) or len(COMMANDS & content.keys()) != 1:
        raise expected('{"message": "text"}')
    if not message.user.is_staff:
        raise Refusal("not_allowed", _("Only staff can moderate."), 403)
    [command] = COMMANDS & content.keys()
    value = content[command]
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_USERNAME:
        raise expected(f'{{"{command}": "…"}}')
    if command == "delete":
        delete(room_name, value)
        return
    if command == "mute":
        mute(room_name, value, message.user)
    else:
        unmute(room_name, value)
    reply(message, {"type": command, "user": value})
