"""A reader's socket: join the blog's group, replay what was missed, then listen."""

import json
from urllib.parse import parse_qs

from channels import Group
from channels.sessions import channel_session

from consumers.refusals import refuse, reply_error, same_origin_only
from liveblog.models import LiveBlog
from liveblog.replays import head, replay_text
from realtime.codes import NOT_FOUND

BAD_REVISION = "`after` is a whole number that is not negative."
UNKNOWN_BLOG = "There is no live blog under this address."

known = set()  # slugs that were found once; the replay's own query notices a deleted blog


@channel_session
def ws_connect(message, slug):
    same_origin_only(message)
    if slug not in known:
        if head(slug) is None:
            refuse(message, NOT_FOUND, "unknown_blog", UNKNOWN_BLOG)
            return
        known.add(slug)
    message.channel_session["slug"] = slug
    # Join first: an update that commits after the replay's query then reaches this socket anyway.
    group_of(slug).add(message.reply_channel)
    query = parse_qs(message.content["query_string"].decode("latin1"))
    after = revision(query.get("after", ["0"])[0])
    if after is None:
        reply_error(message, "bad_revision", BAD_REVISION)
    reply_replay(message, slug, after or 0)


@channel_session
def ws_receive(message, slug):
    try:
        after = revision(json.loads(message["text"])["after"])
    except (KeyError, TypeError, ValueError, RecursionError):
        reply_error(message, "bad_message", 'Send JSON: {"after": <revision>}.')
        return
    if after is None:
        reply_error(message, "bad_revision", BAD_REVISION)
        return
    # The session, unless Redis has lost it: the address names the blog as well.
    reply_replay(message, message.channel_session.get("slug", slug), after)


@channel_session
def ws_disconnect(message, slug):
    group_of(message.channel_session.get("slug", slug)).discard(message.reply_channel)


def group_of(slug):
    return Group(LiveBlog.group_name_of(slug))


def reply_replay(message, slug, after):
    text = replay_text(slug, after)
    if text is None:
        known.discard(slug)
        group_of(slug).discard(message.reply_channel)
        refuse(message, NOT_FOUND, "unknown_blog", UNKNOWN_BLOG)
        return
    message.reply_channel.send({"accept": True, "text": text})


def revision(value):
    """The value as a revision, or None where it is none. JSON's true is no number here."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None
