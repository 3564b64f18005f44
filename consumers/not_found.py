"""Every path without a conversation: answered, not lost. Channels itself would accept it."""

from channels_realtime.close_codes import NOT_FOUND

from consumers.refusals import refuse
from conversations.json_text import error_frame


def ws_connect(message):
    refuse(message, NOT_FOUND, error_frame("unknown_path", "There is nothing under this address."))


def ws_receive(message):
    """The close is on its way; nothing to add."""


def ws_disconnect(message):
    """Nothing was kept."""
