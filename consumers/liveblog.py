"""A reader's socket: joins the blog's group, then gets a replay of what the reader has missed."""

import json
from urllib.parse import parse_qs

from channels import Group
from channels.message import Message
from channels_realtime.sharing import share_reply

from consumers.refusals import refuse, same_origin_only
from conversations.json_text import expected
from liveblog.models import LiveBlog
from liveblog.stream.frames import bad_revision, unknown_blog
from liveblog.stream.replay import ReplayClient, head, replay
from liveblog.stream.revisions import whole_number

# Slugs that were found once; the replay's own query finds out that a blog was deleted.
known: set[str] = set()


def ws_connect(message: Message, slug: str) -> None:
    same_origin_only(message)
    if slug not in known:
        if head(slug) is None:
            refuse(message, unknown_blog())
            return
        known.add(slug)
    # Join first: an update that commits after the replay's query then reaches this socket anyway.
    group_of(slug).add(message.reply_channel)
    query = parse_qs(message.content["query_string"].decode("latin1"))
    after = whole_number(query.get("after", ["0"])[0])
    if after is None:
        refuse(message, bad_revision())
    reply_replay(message, slug, after or 0, "parts" in query, handshake=True)


def ws_receive(message: Message, slug: str) -> None:
    try:
        request = json.loads(message["text"])
        after = whole_number(request["after"])
    except (KeyError, TypeError, ValueError, RecursionError):
        refuse(message, expected('{"after": <revision>}'))
        return
    if after is None:
        refuse(message, bad_revision())
        return
    reply_replay(message, slug, after, bool(request.get("parts")))


def ws_disconnect(message: Message, slug: str) -> None:
    group_of(slug).discard(message.reply_channel)


def group_of(slug: str) -> Group:
    return Group(LiveBlog.group_name_of(slug))


def reply_replay(
    message: Message, slug: str, after: int, in_parts: bool, handshake: bool = False
) -> None:
    peer = message.content.get("client")
    client = ReplayClient(message.reply_channel.name, peer and peer[0])
    answer = replay(slug, after, in_parts, client, handshake)
    if answer is None:
        known.discard(slug)
        group_of(slug).discard(message.reply_channel)
        refuse(message, unknown_blog())
        return
    reply = answer.message
    if handshake and answer.is_shareable:
        # It depends on the path, the query and the Origin alone: on no cookie, user or language.
        reply = share_reply(message, reply, LiveBlog.group_name_of(slug), vary=())
    message.reply_channel.send(reply)
