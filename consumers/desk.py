"""Who else is on a blog's editor page: each page says what it does, and all of them hear it.

Nothing is kept on the server: a page announces itself when something changes and every 10 s, and
pages drop whoever has been silent for 25 s. In: {"update": null, "new" or an id, "typing": true or
false}. Out: `welcome` (this page's id and user), `ask` (somebody came: everybody says it again),
`here` (page, user, name, update, typing), `gone` (page), and `draft`
(liveblog/stream/broadcast.py).
The name is the login's, never the client's.
"""

import secrets

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels_realtime.close_codes import FLOOD, NOT_ALLOWED, NOT_FOUND, NOT_LOGGED_IN
from django.utils.translation import gettext as _

from consumers.refusals import our_pages_only, refuse, reply, users_only
from consumers.translation import in_their_language
from conversations.json_text import BadMessage, encode, error_frame, expected, parse
from conversations.rate_limits import Limit
from liveblog.editing.roles import may_not_edit, name_of, rights_of
from liveblog.models import LiveBlog
from liveblog.stream.broadcast import desk_group
from liveblog.stream.frames import unknown_blog
from liveblog.stream.revisions import whole_number

# A page speaks when it is opened, when typing begins and ends, and at each arrival of another.
ANNOUNCEMENTS = Limit("desk", most=30, seconds=10, flood=90)


@our_pages_only
@channel_session_user_from_http
@in_their_language
def ws_connect(message, slug):
    user = message.user
    if not user.is_authenticated:
        sentence = _("Log in to use the editor.")
        refuse(message, NOT_LOGGED_IN, error_frame("not_logged_in", sentence))
    elif not LiveBlog.objects.filter(slug=slug).exists():
        refuse(message, NOT_FOUND, unknown_blog())
    elif not rights_of(user).any:
        refuse(message, NOT_ALLOWED, error_frame("not_allowed", may_not_edit()))
    else:
        page = secrets.token_urlsafe(9)
        message.channel_session["page"] = page
        group = Group(desk_group(slug))
        group.add(message.reply_channel)
        welcome = {"type": "welcome", "page": page, "user": user.pk}
        message.reply_channel.send({"accept": True, "text": encode(welcome)})
        group.send({"text": encode({"type": "ask"})})


@channel_session_user
@in_their_language
@users_only
def ws_receive(message, slug):
    page = message.channel_session["page"]
    if not rights_of(message.user).any:
        refuse(message, NOT_ALLOWED, error_frame("not_allowed", may_not_edit()))
    elif (count := ANNOUNCEMENTS.count(page)) > ANNOUNCEMENTS.flood:
        refuse(message, FLOOD, ANNOUNCEMENTS.too_fast().frame)
    else:
        try:
            if count > ANNOUNCEMENTS.most:
                raise ANNOUNCEMENTS.too_fast()
            announce(slug, page, message.user, checked(parse(message.get("text"))))
        except BadMessage as bad:
            reply(message, bad.frame)


@channel_session_user
def ws_disconnect(message, slug):
    if page := message.channel_session.get("page"):
        group = Group(desk_group(slug))
        group.discard(message.reply_channel)
        group.send({"text": encode({"type": "gone", "page": page})})


def checked(content) -> dict:
    """What a page says of itself. Raises BadMessage."""
    if isinstance(content, dict) and isinstance(content.get("typing"), bool):
        update = content.get("update", "")
        number = whole_number(update) if isinstance(update, int) else None
        if update is None or update == "new" or number is not None:
            return {"update": update, "typing": content["typing"]}
    raise expected('{"update": null, "new" or an id, "typing": true or false}')


def announce(slug, page, user, doing):
    """At once: what waits for the consumer's end could be overtaken by what was said later."""
    frame = {"type": "here", "page": page, "user": user.pk, "name": name_of(user)} | doing
    Group(desk_group(slug)).send({"text": encode(frame)}, immediately=True)
