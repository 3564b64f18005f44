"""The close codes, each with what the client must do. 4000 and up are ours (RFC 6455, 7.4.2)."""

from typing import Final

TOO_BIG: Final = 1009  # a message over the limit (autobahn closes): do not send it again
GOING_DOWN: Final = 1012  # the server restarts: reconnect, with jitter
TRY_AGAIN_LATER: Final = 1013  # overload: reconnect, with growing delays
NOT_LOGGED_IN: Final = 4401  # log in, then connect again
NOT_ALLOWED: Final = 4403  # do not connect again as this user
NOT_FOUND: Final = 4404  # do not connect again: there is nothing under this path
ENDED: Final = 4410  # nothing more will come: get what is missing by HTTP, do not connect again
FLOOD: Final = 4429  # too many messages: wait before connecting again
