"""Shared replies: one run of a connect's consumer answers many equal handshakes.

When thousands of clients connect at once, most of them ask the same question: the same path with
the same query. A consumer that marks its reply lets the interface server give that reply to the
others too, and join them to the group that the first socket is in:

    def ws_connect(message, room):
        Group(room).add(message.reply_channel)
        reply = {"accept": True, "text": newest(room)}
        message.reply_channel.send(share_reply(message, reply, room))

The reply is shared until the next message to the group, for at most 2 s, and only while the group
leads to this interface server in Redis. So a client that gets it misses no message that the
consumer's own client would get. What is sent to the sockets later, what they send, and their
disconnects reach the consumers as always.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from channels.message import Message

SHARES_REPLIES = "shares_replies"  # in a connect whose interface server knows the mark
SHARED = "shared"  # in a reply: the mark
# Headers that tell users apart.
PERSONAL = ("accept-language", "authorization", "cookie")


class Mark(TypedDict):
    """`group`: that of the sockets. `vary`: names of headers, in lower case."""

    group: str
    vary: list[str]


def share_reply(
    message: "Message", reply: dict[str, Any], group: str, vary: Iterable[str] = PERSONAL
) -> dict[str, Any]:
    """The reply to a `websocket.connect`, marked so that equal handshakes get it too.

    By this the consumer promises that

    * the reply depends on nothing of the handshake but its path, its query, its Host, Origin and
      subprotocols, and the headers in `vary`; above all not on the client's address;
    * the socket joins this group and no other, before the reply is made;
    * the reply is all that the consumer sends to the socket, and it stores nothing for it. A
      reply is not shared if the consumer has written to the socket's channel session.

    An interface server that does not know the mark gets the reply without it.

    Args:
        message: the connect.
        reply: accepts the socket; may hold a text or bytes. One that closes it is not shared.
        group: the name of the group that the socket has joined.
        vary: names of the other headers that the reply depends on, as in HTTP's Vary. The default
            keeps users apart; `()` is for a reply that is the same for everybody.
    """
    if not message.content.get(SHARES_REPLIES) or reply.get("close"):
        return reply
    mark: Mark = {"group": group, "vary": sorted({name.lower() for name in vary})}
    return {**reply, SHARED: mark}


def unshared(reply: dict[str, Any]) -> dict[str, Any]:
    """The reply without its mark."""
    return {key: value for key, value in reply.items() if key != SHARED}
