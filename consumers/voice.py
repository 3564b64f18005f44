"""Voice rooms: sound goes from browser to browser by WebRTC; only its signalling passes here.

On connect a member gets `welcome` with its id and the other members, and all of them get `joined`.
The members that were there call the new one: {"to": id, "offer": …}, answered by
{"to": id, "answer": …}, and both send {"to": id, "candidate": …}. Each signal reaches the one
member that it names, with `from`.
"""

from channels import Channel, Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.message import Message
from channels.sessions import enforce_ordering
from channels_realtime.close_codes import TRY_AGAIN_LATER
from django.utils.translation import gettext as _

from consumers.refusals import our_pages_only, sends_refusals
from consumers.translation import in_their_language
from conversations.addresses import limited_address_of
from conversations.chat import guests
from conversations.json_text import encode, expected, parse
from conversations.rate_limits import SIGNALS, SIGNALS_OF_ADDRESS
from conversations.refusals import Refusal
from conversations.rooms.names import require_room_name
from conversations.voice.members import MOST, Member, Room, RoomFull

SIGNAL_KINDS = {"offer", "answer", "candidate"}
LONGEST_ID = 32


@our_pages_only
@enforce_ordering
@channel_session_user_from_http
@in_their_language
@sends_refusals
def ws_connect(message: Message, room_name: str) -> None:
    require_room_name(room_name)
    user = message.user.get_username() or guests.of_handshake(message)
    room, channel = Room(room_name), message.reply_channel
    room.group.add(channel)
    try:
        member, others, stale = room.join(channel.name, user)
    except RoomFull:
        room.group.discard(channel)
        sentence = _("This room is full (%(most)d people).") % {"most": MOST}
        raise Refusal("room_full", sentence, 503, TRY_AGAIN_LATER) from None
    message.channel_session["member"] = member["id"]
    message.channel_session["address"] = limited_address_of(message)
    welcome = {"type": "welcome", "id": member["id"], "members": [public(m) for m in others]}
    send(channel, welcome, accept=True)
    for member_id in stale:
        send(room.group, {"type": "left", "id": member_id})
    send(room.group, {"type": "joined", **public(member)})


@enforce_ordering
@channel_session_user
@in_their_language
@sends_refusals
def ws_receive(message: Message, room_name: str) -> None:
    if sender := message.channel_session.get("member"):  # otherwise the socket is being closed
        SIGNALS_OF_ADDRESS.check_shared(message.channel_session.get("address"))
        relay(Room(room_name), sender, parse(message.get("text")))


@enforce_ordering
@channel_session_user
def ws_disconnect(message: Message, room_name: str) -> None:
    if (member := message.channel_session.get("member")) is None:
        return
    room = Room(room_name)
    room.leave(member)
    room.group.discard(message.reply_channel)
    send(room.group, {"type": "left", "id": member})


def relay(room: Room, sender: str, content: object) -> None:
    """Pass a signal on to the member that it names. Raises Refusal."""
    SIGNALS.check(sender)
    if (
        not isinstance(content, dict)
        or len(SIGNAL_KINDS & content.keys()) != 1
        or not isinstance(content.get("to"), str)
    ):
        raise expected('{"to": "id", "offer" or "answer" or "candidate": {…}}')
    [kind] = SIGNAL_KINDS & content.keys()
    if not isinstance(content[kind], dict):
        raise expected(f'{{"to": "id", "{kind}": {{…}}}}')
    other = room.find(content["to"]) if len(content["to"]) <= LONGEST_ID else None
    if other is None or other["id"] == sender:
        raise Refusal("no_member", _("This member is not in the room."), 404)
    send(Channel(other["channel"]), {"type": kind, "from": sender, kind: content[kind]})


def send(target: Channel | Group, frame: object, **more: object) -> None:
    """Send a frame at once: signals are of use only in their order."""
    target.send(more | {"text": encode(frame)}, immediately=True)


def public(member: Member) -> dict[str, object]:
    """What other members get of a member."""
    return {"id": member["id"], "user": member["user"]}
