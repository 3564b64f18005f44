"""A reader's socket: join the blog's group, replay what was missed, then listen."""

import json
from urllib.parse import parse_qs

from channels import Group
from channels.sessions import channel_session

from consumers.refusals import refuse, reply_error, same_origin_only
from liveblog.frames import encode, replay_frame
from liveblog.models import LiveBlog
from realtime.codes import NOT_FOUND

BAD_REVISION = "`after` is a whole number that is not negative."


@channel_session
def ws_connect(message, slug):
    same_origin_only(message)
    blog = LiveBlog.objects.filter(slug=slug).first()
    if blog is None:
        refuse(message, NOT_FOUND, "unknown_blog", "There is no live blog under this address.")
        return
    message.channel_session["slug"] = slug
    # Join first: an update that commits after the replay's query then reaches this socket anyway.
    Group(blog.group_name).add(message.reply_channel)
    query = parse_qs(message.content["query_string"].decode("latin1"))
    after = revision(query.get("after", ["0"])[0])
    if after is None:
        reply_error(message, "bad_revision", BAD_REVISION)
    reply_replay(message, blog, after or 0)


@channel_session
def ws_receive(message):
    slug = message.channel_session.get("slug")
    blog = LiveBlog.objects.filter(slug=slug).first()
    if blog is None:
        reply_error(message, "unknown_blog", "There is no live blog under this address any more.")
        return
    try:
        after = revision(json.loads(message["text"])["after"])
    except (KeyError, TypeError, ValueError, RecursionError):
        reply_error(message, "bad_message", 'Send JSON: {"after": <revision>}.')
        return
    if after is None:
        reply_error(message, "bad_revision", BAD_REVISION)
        return
    reply_replay(message, blog, after)


@channel_session
def ws_disconnect(message):
    slug = message.channel_session.get("slug")
    if slug is not None:
        Group(LiveBlog(slug=slug).group_name).discard(message.reply_channel)


def reply_replay(message, blog, after):
    message.reply_channel.send({"accept": True, "text": encode(replay_frame(blog, after))})


def revision(value):
    """The value as a revision, or None where it is none. JSON's true is no number here."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 0 <= number < 2**63 else None
