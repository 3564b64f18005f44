"""The addresses whose cards are still to be fetched."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class LinkCardRequest(models.Model):
    """An address in a published update that has no card yet. Deleted once it has one.

    `due`: when it is fetched, or again if the process that fetches it dies; None if it was given
    up: the link stays a link.
    """

    update = models.ForeignKey(
        "liveblog.BlogUpdate", models.CASCADE, related_name="link_card_requests"
    )
    address = models.CharField(max_length=1_000)  # rendering.LONGEST_ADDRESS
    attempts = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=timezone.now, null=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["update", "address"], name="one_request_an_address")
        ]
        verbose_name = _("link card to fetch")
        verbose_name_plural = _("link cards to fetch")

    def __str__(self) -> str:
        return self.address
