"""What the first worker of a release does for itself before others are replaced.

It makes a live blog, writes an update as the API does, renders the blog's page and accepts a
reader's handshake with a replay. All of it happens in one transaction that is rolled back: no
reader and no other process sees anything.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from channels import Channel
from channels.message import Message
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils.crypto import get_random_string

from conversations.redis_store import layer
from liveblog.models import BlogUpdate, LiveBlog

logger = logging.getLogger(__name__)

TEXT = "A rehearsal"


class Wrong(Exception):
    """What a step returned, where that is not what a reader or writer needs."""


def rehearse() -> str:
    """Returns the trouble as one sentence; "" if all is well."""
    steps: dict[str, Callable[[LiveBlog], None]] = {
        "a write": write,
        "a page": show,
        "a handshake with replay": connect,
    }
    with transaction.atomic():
        try:
            slug = f"rehearsal-{get_random_string(8).lower()}"
            blog = LiveBlog.objects.create(slug=slug, title=TEXT)
            return next(filter(None, (attempt(name, steps[name], blog) for name in steps)), "")
        finally:
            transaction.set_rollback(True)


def attempt(name: str, step: Callable[[LiveBlog], None], blog: LiveBlog) -> str:
    """The trouble with this step, or ""."""
    try:
        step(blog)
    except Exception as error:  # new code may raise anything
        logger.exception("The rehearsal failed: %s", name)
        return f"{name} failed in the rehearsal: {error!r}"
    return ""


def client() -> Client:
    """Sends requests to this process's own views."""
    headers = {"host": settings.ENVIRONMENT.HOST}
    if settings.API_TOKENS:
        headers["authorization"] = f"Bearer {settings.API_TOKENS[0]}"
    return Client(headers=headers)


def write(blog: LiveBlog) -> None:
    """By the API if there is a token for it."""
    if not settings.API_TOKENS:
        BlogUpdate.objects.create(blog=blog, body=TEXT)
        return
    response = client().post(
        f"/api/liveblogs/{blog.slug}/updates/",
        {"body": TEXT},
        content_type="application/json",
        secure=settings.SECURE_SSL_REDIRECT,
    )
    if response.status_code != 201:
        raise Wrong(f"HTTP {response.status_code}")


def show(blog: LiveBlog) -> None:
    response = client().get(blog.get_absolute_url(), secure=settings.SECURE_SSL_REDIRECT)
    if response.status_code != 200 or TEXT not in response.text:
        raise Wrong(f"HTTP {response.status_code}")


class Recorder(Channel):
    """A reply channel that keeps what is sent to it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.sent: list[dict[str, Any]] = []

    def send(self, content: dict[str, Any], immediately: bool = False) -> None:
        self.sent.append(content)


def connect(blog: LiveBlog) -> None:
    """A reader's handshake, by the routes and consumers of this process."""
    wrapper = layer()
    reply = Recorder(wrapper.new_channel("ops.rehearsal?"))
    content = {
        "reply_channel": reply.name,
        "path": f"/channel/liveblog/{blog.slug}/",
        "query_string": b"after=0",
        "headers": [],
        "client": ["127.0.0.1", 0],
        "order": 0,
    }
    message = Message(content, "websocket.connect", wrapper)
    message.reply_channel = reply
    consumer, arguments = wrapper.router.match(message)
    try:
        consumer(message, **arguments)
    finally:
        wrapper.group_discard(blog.group_name, reply.name)
    frames = [json.loads(sent["text"]) for sent in reply.sent if sent.get("accept")]
    if not frames or TEXT not in json.dumps(frames[0].get("updates")):
        raise Wrong(f"the socket was not accepted with a replay: {reply.sent}")
