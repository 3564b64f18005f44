"""The close codes, each with what the client must do. 4000 and up are ours (RFC 6455, 7.4.2)."""

TOO_BIG = 1009  # a message over the limit (autobahn closes): do not send it again
GOING_DOWN = 1012  # the server restarts: reconnect, with jitter
TRY_AGAIN_LATER = 1013  # overload: reconnect, with growing delays
NOT_LOGGED_IN = 4401  # log in, then connect again
NOT_ALLOWED = 4403  # do not come back as this user
NOT_FOUND = 4404  # do not come back: there is nothing under this path
ENDED = 4410  # all has been said: fetch what is missing by HTTP, do not come back
FLOOD = 4429  # too many messages: wait before connecting again
