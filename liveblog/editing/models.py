"""The records of editing: replaced texts, and the writes that had an idempotency key."""

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from liveblog.fields import LONGEST_HEADLINE, LONGEST_KEY, LONGEST_NAME

if TYPE_CHECKING:
    from liveblog.models import LiveBlog

# Per update. A newsroom does not rewrite one so often; a program that updates a score does, and its
# old scores are not needed.
MAX_PAST_VERSIONS = 200


class PastVersion(models.Model):
    """The texts of an update before they were replaced or deleted. Only editors see them.

    The newest MAX_PAST_VERSIONS of each update or draft are kept. `revision`: the one with which
    readers last saw the texts; None for a draft's. A deletion that was undone is a version without
    texts; its `editor` deleted the update, and `saved` is when.
    """

    update = models.ForeignKey(
        "liveblog.BlogUpdate", models.CASCADE, related_name="past", verbose_name=_("update")
    )
    revision = models.PositiveBigIntegerField(_("revision"), null=True)
    headline = models.CharField(_("headline"), max_length=LONGEST_HEADLINE)
    body = models.TextField(_("text"))
    author = models.CharField(_("author"), max_length=LONGEST_NAME)
    correction = models.TextField(_("correction"), default="", db_default="")
    editor = models.CharField(_("editor"), max_length=LONGEST_NAME)
    saved = models.DateTimeField(_("saved"))
    replaced = models.DateTimeField(_("replaced"), default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("past version")
        verbose_name_plural = _("past versions")

    def __str__(self) -> str:
        return self.headline or self.body[:60] or gettext("Deleted")

    @property
    def is_deletion(self) -> bool:
        return not (self.headline or self.body or self.author or self.correction)


class SummaryVersion(models.Model):
    """A text of a blog's summary, the current one included; an empty one after a removal.

    The newest MAX_PAST_VERSIONS of each blog are kept. `revision`: the blog's, with which readers
    got the text.
    """

    blog = models.ForeignKey(
        "liveblog.LiveBlog",
        models.CASCADE,
        related_name="summaries",
        verbose_name=_("live blog"),
    )
    revision = models.PositiveBigIntegerField(_("revision"))
    text = models.TextField(_("text"))
    editor = models.CharField(_("editor"), max_length=LONGEST_NAME)
    saved = models.DateTimeField(_("saved"), default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("version of a summary")
        verbose_name_plural = _("versions of summaries")

    def __str__(self) -> str:
        return self.text[:60]

    @classmethod
    def keep(cls, blog: "LiveBlog", editor: str, using: str) -> None:
        """Keep the blog's summary; beyond MAX_PAST_VERSIONS the oldest one is deleted."""
        rows = cls.objects.using(using).filter(blog_id=blog.pk)
        rows.create(blog_id=blog.pk, revision=blog.revision, text=blog.summary, editor=editor)
        for oldest in rows.values_list("pk", flat=True)[MAX_PAST_VERSIONS : MAX_PAST_VERSIONS + 1]:
            rows.filter(pk__lte=oldest).delete()


class Write(models.Model):
    """The acknowledgement of a write with an idempotency key; see liveblog.editing.idempotency."""

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
