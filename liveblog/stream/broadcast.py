"""Sends every committed change to the blog's group.

Best effort: a client that misses a change catches up from the database.
"""

import logging
import time
from functools import partial

from channels import Group
from channels_realtime.close_codes import ENDED, NOT_FOUND
from channels_realtime.layer.envelope import Mark
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver

from conversations.json_text import encode
from conversations.redis_store import layer
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import (
    Frame,
    action_of,
    blog_frame,
    ended_frame,
    unknown_blog,
    update_frame,
)
from liveblog.stream.revisions import as_stored

logger = logging.getLogger(__name__)


@receiver(post_save, sender=BlogUpdate)
def broadcast_update(
    instance: BlogUpdate,
    raw: bool = False,
    using: str | None = None,
    update_fields: frozenset[str] | None = None,
    **kwargs: object,
) -> None:
    if not (raw or instance.draft):
        frame = update_frame(as_stored(instance, using, update_fields))
        transaction.on_commit(partial(send, instance.blog, frame), using=using)


@receiver(post_save, sender=BlogUpdate)
def send_draft_to_desk(
    instance: BlogUpdate,
    created: bool,
    raw: bool = False,
    using: str | None = None,
    **kwargs: object,
) -> None:
    """Send the editors' pages the id of a draft that changed, or that is no longer one."""
    gone = not instance.draft or instance.deleted
    published = not (created or instance.draft) and action_of(instance) == "created"
    if not raw and (instance.draft or published):
        frame = {"type": "draft", "id": instance.pk, "gone": gone}
        transaction.on_commit(partial(send_to_desk, instance.blog, frame), using=using)


@receiver(post_save, sender=LiveBlog)
def broadcast_blog(
    instance: LiveBlog,
    created: bool,
    raw: bool = False,
    using: str | None = None,
    update_fields: frozenset[str] | None = None,
    **kwargs: object,
) -> None:
    if not (raw or created):
        frame = blog_frame(as_stored(instance, using, update_fields))
        transaction.on_commit(partial(send, instance, frame), using=using)
        if frame["state"] == LiveBlog.State.ENDED:
            end = ended_frame(instance.revision)
            transaction.on_commit(partial(send, instance, end, close=ENDED), using=using)


@receiver(pre_save, sender=LiveBlog)
def close_old_address(
    instance: LiveBlog,
    raw: bool = False,
    using: str | None = None,
    update_fields: frozenset[str] | None = None,
    **kwargs: object,
) -> None:
    if not raw and (update_fields is None or "slug" in update_fields):
        moving = LiveBlog.objects.using(using).filter(pk=instance.pk).exclude(slug=instance.slug)
        for slug in moving.values_list("slug", flat=True):
            transaction.on_commit(partial(close_pages, slug), using=using)


@receiver(post_delete, sender=LiveBlog)
def close_address(instance: LiveBlog, using: str | None = None, **kwargs: object) -> None:
    transaction.on_commit(partial(close_pages, instance.slug), using=using)


def desk_group(slug: str) -> str:
    """The group that every open editor's page of the blog is in."""
    return f"desk-{slug}"


def send_to_desk(blog: LiveBlog, frame: Frame) -> None:
    """Best effort, never raises: a page that misses it is up to date when it is reloaded."""
    try:
        Group(desk_group(blog.slug)).send({"text": encode(frame)}, immediately=True)
    except Exception:
        logger.exception("A draft's change was not sent to the editors' pages of %s.", blog.slug)


def close_pages(slug: str) -> None:
    """Close the sockets of a slug that no blog has any longer. Never raises."""
    try:
        message = {"text": encode(unknown_blog().frame), "close": NOT_FOUND}
        Group(LiveBlog.group_name_of(slug)).send(message, immediately=True)
    except Exception:
        logger.exception("The sockets of %s, which no longer exists, were not closed.", slug)


def send(blog: LiveBlog, frame: Frame, close: int | None = None) -> None:
    """Send the frame to every open page of the blog. Never raises: the change is committed."""
    committed = time.monotonic()
    try:
        message = {"text": encode(frame)} | ({} if close is None else {"close": close})
        # Not by Group: what a consumer sends waits for its end, and is lost if it is killed before.
        layer().send_group(blog.group_name, message, Mark(str(frame["revision"])))
        layer().observe("commit_to_layer", time.monotonic() - committed)
    except Exception:
        logger.exception(
            "Revision %s of %s was not broadcast; readers catch up by replay.",
            frame["revision"],
            blog.slug,
        )
