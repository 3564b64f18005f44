"""What the editors' side keeps beside the updates: past versions, and writes that have a key."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveblog.fields import LONGEST_KEY, LONGEST_NAME

# Replaced texts of one update. No newsroom rewrites one so often; a program that keeps a score
# does, and nobody needs its old scores.
MOST_PAST = 200


class PastVersion(models.Model):
    """A text that an update had, until it was replaced or deleted. For editors alone.

    The newest MOST_PAST of an update are kept, of drafts as well. `revision`: the one with which
    readers last saw it; None where it was a draft's.
    """

    update = models.ForeignKey(
        "liveblog.BlogUpdate", models.CASCADE, related_name="past", verbose_name=_("update")
    )
    revision = models.PositiveBigIntegerField(_("revision"), null=True)
    headline = models.CharField(_("headline"), max_length=200)
    body = models.TextField(_("text"))
    author = models.CharField(_("author"), max_length=LONGEST_NAME)
    editor = models.CharField(_("editor"), max_length=LONGEST_NAME)
    saved = models.DateTimeField(_("saved"))
    replaced = models.DateTimeField(_("replaced"), default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("past version")
        verbose_name_plural = _("past versions")

    def __str__(self) -> str:
        return self.headline or self.body[:60]


class Write(models.Model):
    """What a write with an idempotency key was answered with; see liveblog.editing.idempotency."""

    blog = models.ForeignKey("liveblog.LiveBlog", models.CASCADE, related_name="writes")
    key = models.CharField(max_length=LONGEST_KEY)
    update = models.ForeignKey("liveblog.BlogUpdate", models.CASCADE, related_name="writes")
    version = models.BigIntegerField()
    action = models.CharField(max_length=9)
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blog", "key"], name="one_write_a_key")]

    def __str__(self) -> str:
        return self.key
