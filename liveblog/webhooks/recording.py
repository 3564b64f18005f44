"""Writes the deliveries of a change, within the transaction of the change."""

from collections.abc import Callable

from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from conversations.json_text import encode
from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook
from liveblog.stream.frames import Frame, blog_frame, timestamp, update_frame
from liveblog.stream.revisions import as_stored


@receiver(post_save, sender=BlogUpdate)
def record_update(
    instance: BlogUpdate,
    raw: bool = False,
    using: str | None = None,
    update_fields: frozenset[str] | None = None,
    **kwargs: object,
) -> None:
    def frame() -> Frame:
        return update_frame(as_stored(instance, using, update_fields))

    if not (raw or instance.draft):
        record(instance.blog, frame, instance.get_absolute_url, using)


@receiver(post_save, sender=LiveBlog)
def record_blog(
    instance: LiveBlog,
    created: bool,
    raw: bool = False,
    using: str | None = None,
    update_fields: frozenset[str] | None = None,
    **kwargs: object,
) -> None:
    def frame() -> Frame:
        return blog_frame(as_stored(instance, using, update_fields))

    if not (raw or created):
        record(instance, frame, instance.get_absolute_url, using)


def record(
    blog: LiveBlog, frame_of: Callable[[], Frame], path_of: Callable[[], str], using: str | None
) -> None:
    """Write a delivery for each webhook of the blog. Frame and path are made only if it has any."""
    hooks = list(Webhook.objects.using(using).filter(blog=blog, active=True))
    if not hooks:
        return
    frame = frame_of()
    event = f"{frame['type']}.{frame.get('action', 'changed')}"
    data = {"blog": blog.slug, "path": path_of()} | frame
    body = encode({"type": event, "timestamp": timestamp(timezone.now()), "data": data})
    Delivery.objects.using(using).bulk_create(
        Delivery(webhook=hook, event=event, revision=frame["revision"], body=body) for hook in hooks
    )
