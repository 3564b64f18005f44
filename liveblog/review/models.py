"""The notes about a draft."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveblog.fields import LONGEST_NAME

LONGEST_NOTE = 1_000  # characters


class ReviewNote(models.Model):
    """A note about a draft. Only those who may edit the draft see it; it is in no export.

    `returned`: the draft went back to its author with it. `writer`: the name at that time.
    """

    update = models.ForeignKey(
        "liveblog.BlogUpdate", models.CASCADE, related_name="notes", verbose_name=_("update")
    )
    # None for programs and deleted users.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    writer = models.CharField(_("author"), max_length=LONGEST_NAME)
    text = models.TextField(_("note"), max_length=LONGEST_NOTE)
    returned = models.BooleanField(default=False)
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("note")
        verbose_name_plural = _("notes")

    def __str__(self) -> str:
        return self.text[:60]
