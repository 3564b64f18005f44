"""Presence on a blog's editor page: each page sends its activity, and all pages receive it.

Nothing is kept on the server: a page sends its activity when it changes and every 10 s, and pages
drop a page that has sent nothing for 25 s. In: {"update": null, "new" or an id, "typing": true or
false}. Out: `welcome` (this page's id and user), `ask` (a page was opened: all send their activity
again), `here` (page, user, name, update, typing), `gone` (page), and `draft`
(liveblog/stream/broadcast.py). The name is the login's, never the client's.
"""

import secrets
from typing import TypedDict

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.message import Message
from channels_realtime.close_codes import NOT_ALLOWED
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from consumers.refusals import not_logged_in, our_pages_only, sends_refusals, users_only
from consumers.translation import in_their_language
from conversations.json_text import encode, expected, parse
from conversations.rate_limits import Limit
from conversations.refusals import Refusal
from liveblog.editing.roles import may_not_edit, name_of, rights_of
from liveblog.models import LiveBlog
from liveblog.stream.broadcast import desk_group
from liveblog.stream.frames import unknown_blog
from liveblog.stream.revisions import whole_number

# A page sends when it is opened, when typing begins and ends, and when another page is opened.
ANNOUNCEMENTS = Limit("desk", most=30, seconds=10, flood=90)


@our_pages_only
@channel_session_user_from_http
@in_their_language
@sends_refusals
def ws_connect(message: Message, slug: str) -> None:
    user = message.user
    if not user.is_authenticated:
        raise not_logged_in(_("Log in to use the editor."))
    require_editor(user, slug)
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
@sends_refusals
def ws_receive(message: Message, slug: str) -> None:
    page = message.channel_session["page"]
    require_editor(message.user, slug)
    ANNOUNCEMENTS.check(page)
    announce(slug, page, message.user, checked(parse(message.get("text"))))


@channel_session_user
def ws_disconnect(message: Message, slug: str) -> None:
    if page := message.channel_session.get("page"):
        group = Group(desk_group(slug))
        group.discard(message.reply_channel)
        group.send({"text": encode({"type": "gone", "page": page})})


def require_editor(user: User, slug: str) -> None:
    """Raise Refusal unless the user may write in the live blog."""
    blog = LiveBlog.objects.filter(slug=slug).first()
    if blog is None:
        raise unknown_blog()
    if not rights_of(user, blog).any:
        raise Refusal("not_allowed", may_not_edit(), 403, NOT_ALLOWED)


class Activity(TypedDict):
    """`update`: the id of the one that is edited, "new", or None."""

    update: int | str | None
    typing: bool


def checked(content: object) -> Activity:
    """What the page's user is doing. Raises Refusal."""
    if isinstance(content, dict) and isinstance(content.get("typing"), bool):
        update = content.get("update", "")
        number = whole_number(update) if isinstance(update, int) else None
        if update is None or update == "new" or number is not None:
            return {"update": update, "typing": content["typing"]}
    raise expected('{"update": null, "new" or an id, "typing": true or false}')


def announce(slug: str, page: str, user: User, activity: Activity) -> None:
    frame = {"type": "here", "page": page, "user": user.pk, "name": name_of(user), **activity}
    # At once: a message that waits for the consumer's end could be overtaken by a later one.
    Group(desk_group(slug)).send({"text": encode(frame)}, immediately=True)
