"""Writes the alert of a key event, within the transaction that publishes or marks it."""

from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from liveblog.alerts.models import MAX_AGE
from liveblog.models import Alert, BlogUpdate


@receiver(post_save, sender=BlogUpdate)
def record_key_event(
    instance: BlogUpdate,
    created: bool,
    raw: bool = False,
    using: str | None = None,
    **kwargs: object,
) -> None:
    """Write the alert, unless the update has one.

    Also while nobody subscribes or alerts are off: it must not be sent when it is changed later.
    """
    if raw or instance.draft or instance.deleted or not instance.key_event:
        return
    now = timezone.now()
    is_import = created and instance.created < now - MAX_AGE
    alert = Alert(
        blog_id=instance.blog_id,
        update_id=instance.pk,
        created=now,
        queued=now if is_import or not settings.ALERTS else None,
    )
    Alert.objects.using(using).bulk_create([alert], ignore_conflicts=True)
