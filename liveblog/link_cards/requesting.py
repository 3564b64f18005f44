"""Records which addresses of a published update need a card, within the update's transaction.

Nothing is fetched here, so a post is never late. Nothing is requested for a draft: what is not
published does not leave the server, not even as an address.
"""

from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver

from liveblog.link_cards.rendering import lone_addresses
from liveblog.models import BlogUpdate, LinkCardRequest


@receiver(post_save, sender=BlogUpdate)
def request_cards(
    instance: BlogUpdate, raw: bool = False, using: str | None = None, **kwargs: object
) -> None:
    if raw or instance.draft or instance.deleted or not settings.LINK_CARDS:
        return
    missing = [
        address for address in lone_addresses(instance.html) if address not in instance.link_cards
    ]
    if missing:
        # What was requested before stays as it is, also if it was given up.
        LinkCardRequest.objects.using(using).bulk_create(
            [LinkCardRequest(update=instance, address=address) for address in missing],
            ignore_conflicts=True,
        )
