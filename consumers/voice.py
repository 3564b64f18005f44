"""Voice rooms: the sound goes from browser to browser by WebRTC, only its signals pass here.

On connect a member gets `welcome` with its id and who is there, and everybody gets `joined`. Those
who were there call the newcomer: {"to": id, "offer": …}, answered by {"to": id, "answer": …}, and
both send {"to": id, "candidate": …}. Each reaches the one member that it names, with `from`.
"""

from channels import Channel
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.sessions import enforce_ordering
from channels_realtime.close_codes import FLOOD, NOT_FOUND, TRY_AGAIN_LATER
from django.utils.translation import gettext as _

from consumers.refusals import our_pages_only, refuse, reply
from consumers.translation import in_their_language
from conversations.chat import guests
from conversations.json_text import BadMessage, encode, error_frame, expected, parse
from conversations.rate_limits import SIGNALS
from conversations.rooms.names import bad_room, is_room_name
from conversations.voice.members import MOST, Room, RoomFull

KINDS = {"offer", "answer", "candidate"}
LONGEST_ID = 32


@our_pages_only
@enforce_ordering
@channel_session_user_from_http
@in_their_language
def ws_connect(message, room_name):
    if not is_room_name(room_name):
        refuse(message, NOT_FOUND, bad_room().frame)
        return
    user = message.user.get_username() or guests.of_handshake(message)
    room, channel = Room(room_name), message.reply_channel
    room.group.add(channel)
    try:
        member, others, stale = room.join(channel.name, user)
    except RoomFull:
        room.group.discard(channel)
        sentence = _("This room is full (%(most)d people).") % {"most": MOST}
        refuse(message, TRY_AGAIN_LATER, error_frame("room_full", sentence))
        return
    message.channel_session["member"] = member["id"]
    welcome = {"type": "welcome", "id": member["id"], "members": [public(m) for m in others]}
    send(channel, welcome, accept=True)
    for member_id in stale:
        send(room.group, {"type": "left", "id": member_id})
    send(room.group, {"type": "joined"} | public(member))


@enforce_ordering
@channel_session_user
@in_their_language
def ws_receive(message, room_name):
    if (sender := message.channel_session.get("member")) is None:
        return  # refused at the door, and about to be closed
    try:
        relay(message, Room(room_name), sender, parse(message.get("text")))
    except BadMessage as bad:
        reply(message, bad.frame)


@enforce_ordering
@channel_session_user
def ws_disconnect(message, room_name):
    if (member := message.channel_session.get("member")) is None:
        return
    room = Room(room_name)
    room.leave(member)
    room.group.discard(message.reply_channel)
    send(room.group, {"type": "left", "id": member})


def relay(message, room, sender, content):
    """Pass one signal on to the member that it names. Raises BadMessage."""
    count = SIGNALS.count(sender)
    if count > SIGNALS.flood:
        refuse(message, FLOOD, SIGNALS.too_fast().frame)
        return
    if count > SIGNALS.most:
        raise SIGNALS.too_fast()
    kinds = KINDS & content.keys() if isinstance(content, dict) else ()
    if len(kinds) != 1 or not isinstance(content.get("to"), str):
        raise expected('{"to": "id", "offer" or "answer" or "candidate": {…}}')
    [kind] = kinds
    if not isinstance(content[kind], dict):
        raise expected(f'{{"to": "id", "{kind}": {{…}}}}')
    other = room.find(content["to"]) if len(content["to"]) <= LONGEST_ID else None
    if other is None or other["id"] == sender:
        raise BadMessage("no_member", _("This member is not in the room."))
    send(Channel(other["channel"]), {"type": kind, "from": sender, kind: content[kind]})


def send(target, frame, **more):
    """To a channel or a group, at once: signals are of use only in their order."""
    target.send(more | {"text": encode(frame)}, immediately=True)


def public(member):
    return {"id": member["id"], "user": member["user"]}
