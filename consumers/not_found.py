"""Every path without a conversation is refused; Channels itself would accept it."""

from channels.message import Message
from channels_realtime.close_codes import NOT_FOUND

from consumers.refusals import sends_refusals
from conversations.refusals import Refusal


@sends_refusals
def ws_connect(message: Message) -> None:
    raise Refusal("unknown_path", "There is nothing under this address.", 404, NOT_FOUND)


def ws_receive(message: Message) -> None:
    """The socket is about to be closed."""


def ws_disconnect(message: Message) -> None:
    """Nothing was stored."""
