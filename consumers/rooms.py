"""Rooms with a message envelope: all that goes out is {"msg": …, "code": …, "data": …}.

A socket's messages keep their order (`enforce_ordering`, which implies `channel_session`).
"""

from channels.sessions import enforce_ordering
from channels_realtime.close_codes import NOT_FOUND

from consumers.refusals import our_pages_only, refuse, reply
from conversations.json_text import BadMessage, encode, expected, parse
from conversations.rooms.envelopes import envelope, envelope_group, push, send
from conversations.rooms.names import bad_room, is_room_name

__all__ = ["push", "ws_connect", "ws_disconnect", "ws_receive"]


@our_pages_only
@enforce_ordering
def ws_connect(message, room_name):
    if not is_room_name(room_name):
        refuse(message, NOT_FOUND, bad_room().frame)
        return
    heartbeat = encode(envelope([], "heartbeat"))
    # To the room first: the newcomer, who is not in it yet, gets one heartbeat and not two.
    send(room_name, heartbeat)
    envelope_group(room_name).add(message.reply_channel)
    message.channel_session["room"] = room_name
    message.reply_channel.send({"accept": True, "text": heartbeat})


@enforce_ordering
def ws_receive(message, room_name):
    try:
        content = parse(message.get("text"))
        if not isinstance(content, dict) or "message" not in content:
            raise expected('{"message": …}')
        push(message.channel_session.get("room", room_name), {"message": content["message"]})
    except BadMessage as bad:
        reply(message, bad.frame)


@enforce_ordering
def ws_disconnect(message, room_name):
    if room := message.channel_session.get("room"):
        envelope_group(room).discard(message.reply_channel)
