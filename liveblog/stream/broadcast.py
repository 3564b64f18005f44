"""Sends every committed change to the blog's group. A hint: who misses it asks the database."""

import logging
from functools import partial

from channels import Group
from channels_realtime.close_codes import ENDED, NOT_FOUND
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import (
    action_of,
    blog_frame,
    encode,
    ended_frame,
    unknown_blog,
    update_frame,
)
from liveblog.stream.revisions import as_stored

logger = logging.getLogger(__name__)


@receiver(post_save, sender=BlogUpdate)
def broadcast_update(instance, raw=False, using=None, update_fields=None, **kwargs):
    if not (raw or instance.draft):
        frame = update_frame(as_stored(instance, using, update_fields))
        transaction.on_commit(partial(send, instance.blog, frame), using=using)


@receiver(post_save, sender=BlogUpdate)
def tell_the_desk(instance, created, raw=False, using=None, **kwargs):
    """Editors' pages: a draft has changed, or is none any more. They ask for what it says."""
    gone = not instance.draft or instance.deleted
    published = not (created or instance.draft) and action_of(instance) == "created"
    if not raw and (instance.draft or published):
        frame = {"type": "draft", "id": instance.pk, "gone": gone}
        transaction.on_commit(partial(send_to_desk, instance.blog, frame), using=using)


@receiver(post_save, sender=LiveBlog)
def broadcast_blog(instance, created, raw=False, using=None, update_fields=None, **kwargs):
    if not (raw or created):
        frame = blog_frame(as_stored(instance, using, update_fields))
        transaction.on_commit(partial(send, instance, frame), using=using)
        if frame["state"] == LiveBlog.State.ENDED:
            end = ended_frame(instance.revision)
            transaction.on_commit(partial(send, instance, end, close=ENDED), using=using)


@receiver(pre_save, sender=LiveBlog)
def leave_the_old_address(instance, raw=False, using=None, update_fields=None, **kwargs):
    if not raw and (update_fields is None or "slug" in update_fields):
        moving = LiveBlog.objects.using(using).filter(pk=instance.pk).exclude(slug=instance.slug)
        for slug in moving.values_list("slug", flat=True):
            transaction.on_commit(partial(send_away, slug), using=using)


@receiver(post_delete, sender=LiveBlog)
def leave_the_address(instance, using=None, **kwargs):
    transaction.on_commit(partial(send_away, instance.slug), using=using)


def desk_group(slug) -> str:
    """The group that every open editor's page of the blog is in."""
    return f"desk-{slug}"


def send_to_desk(blog, frame):
    """Never raises. Who misses it sees it when the page is opened again."""
    try:
        Group(desk_group(blog.slug)).send({"text": encode(frame)}, immediately=True)
    except Exception:
        logger.exception("The editors' pages of %s were not told of a draft.", blog.slug)


def send_away(slug):
    """Tell the open pages that there is no blog under their address any more. Never raises."""
    try:
        message = {"text": encode(unknown_blog()), "close": NOT_FOUND}
        Group(LiveBlog.group_name_of(slug)).send(message, immediately=True)
    except Exception:
        logger.exception("The pages of %s, which is gone, were not told.", slug)


def send(blog, frame, **more):
    """Send the frame to every open page of the blog. Never raises: the change is committed."""
    try:
        # At once: what a consumer sends waits for its end, and is lost if it is killed before.
        Group(blog.group_name).send({"text": encode(frame), **more}, immediately=True)
    except Exception:
        logger.exception(
            "Revision %s of %s was not broadcast; readers catch up by replay.",
            frame["revision"],
            blog.slug,
        )
