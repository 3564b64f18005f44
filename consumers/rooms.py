"""Rooms with a message envelope: all that is sent is {"msg": …, "code": …, "data": …}.

A socket's messages keep their order (`enforce_ordering`, which implies `channel_session`).
"""

from channels.message import Message
from channels.sessions import enforce_ordering

from consumers.refusals import our_pages_only, sends_refusals
from conversations.json_text import encode, expected, parse
from conversations.rate_limits import check_example
from conversations.rooms.envelopes import envelope, envelope_group, push, send
from conversations.rooms.names import require_room_name

__all__ = ["push", "ws_connect", "ws_disconnect", "ws_receive"]


@our_pages_only
@enforce_ordering
@sends_refusals
def ws_connect(message: Message, room_name: str) -> None:
    require_room_name(room_name)
    heartbeat = encode(envelope([], "heartbeat"))
    # To the room first: the new socket, which is not in it yet, gets one heartbeat and not two.
    send(room_name, heartbeat)
    envelope_group(room_name).add(message.reply_channel)
    message.channel_session["room"] = room_name
    message.reply_channel.send({"accept": True, "text": heartbeat})


@enforce_ordering
@sends_refusals
def ws_receive(message: Message, room_name: str) -> None:
    check_example("heartbeat", message.get("text"))
    content = parse(message.get("text"))
    if not isinstance(content, dict) or "message" not in content:
        raise expected('{"message": …}')
    push(message.channel_session.get("room", room_name), {"message": content["message"]})


@enforce_ordering
def ws_disconnect(message: Message, room_name: str) -> None:
    if room := message.channel_session.get("room"):
        envelope_group(room).discard(message.reply_channel)
