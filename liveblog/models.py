"""A live blog and its updates. Saving or deleting either takes the blog's next revision."""

from django.core.validators import MaxLengthValidator
from django.db import models, router, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveblog.revisions import RevisionedQuerySet

LONGEST_BODY = 20_000  # characters; some ten screens, far more than a live update needs


class LiveBlog(models.Model):
    """One coverage. `revision` counts its changes: no gaps, no number used twice."""

    class State(models.TextChoices):
        UPCOMING = "upcoming", _("Upcoming")
        LIVE = "live", _("Live")
        ENDED = "ended", _("Ended")

    # Group names hold 99 ASCII characters at most, and the blog's begins with "liveblog-".
    slug = models.SlugField(_("slug"), max_length=80, unique=True)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.LIVE)
    revision = models.PositiveBigIntegerField(_("revision"), default=0, editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    ended = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)

    objects = RevisionedQuerySet.as_manager()

    class Meta:
        ordering = ["-created"]
        verbose_name = _("live blog")
        verbose_name_plural = _("live blogs")

    def __str__(self):
        return self.title

    @property
    def group_name(self) -> str:
        return self.group_name_of(self.slug)

    @staticmethod
    def group_name_of(slug) -> str:
        """The group that every open page of the blog is in."""
        return f"liveblog-{slug}"

    def get_absolute_url(self):
        return reverse("liveblog:reader", args=[self.slug])

    def take_revision(self, using=None) -> int:
        """The blog's next revision. Holds the blog's row until the caller's transaction ends."""
        using = using or router.db_for_write(LiveBlog, instance=self)
        assert transaction.get_connection(using).in_atomic_block, "a revision belongs to a change"
        # The plain queryset: this is the one statement that may change the row in bulk.
        row = models.QuerySet(LiveBlog, using=using).filter(pk=self.pk)
        row.update(revision=models.F("revision") + 1)
        self.revision = row.values_list("revision", flat=True).get()
        return self.revision

    def save(self, *args, using=None, update_fields=None, **kwargs):
        """Save as the blog's next revision; the first save is revision 0, an empty blog."""
        if self.state == self.State.ENDED:
            self.ended = self.ended or timezone.now()
        else:
            self.ended = None
        if update_fields is not None:
            update_fields = {*update_fields, "revision", "ended"}
        using = using or router.db_for_write(LiveBlog, instance=self)
        with transaction.atomic(using=using):
            if not self._state.adding:
                self.take_revision(using)
            super().save(*args, using=using, update_fields=update_fields, **kwargs)


class BlogUpdateQuerySet(RevisionedQuerySet):
    def visible(self):
        """The updates that readers see: all but tombstones."""
        return self.filter(deleted=False)

    def locked(self):
        """The rows, under the locks of their blogs, which every writer takes first."""
        blogs = set(self.values_list("blog_id", flat=True))
        list(LiveBlog.objects.filter(pk__in=blogs).order_by("pk").select_for_update())
        return list(self)


class BlogUpdate(models.Model):
    """One post. A deleted one stays as a tombstone, so that readers who were away learn of it."""

    blog = models.ForeignKey(
        LiveBlog, models.CASCADE, related_name="updates", verbose_name=_("live blog")
    )
    headline = models.CharField(_("headline"), max_length=200, blank=True)
    body = models.TextField(
        _("text"), validators=[MaxLengthValidator(LONGEST_BODY)], help_text=_("Markdown")
    )
    author = models.CharField(_("author"), max_length=150, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    edited = models.DateTimeField(_("edited"), null=True, blank=True, editable=False)
    revision = models.PositiveBigIntegerField(_("revision"), editable=False)
    created_revision = models.PositiveBigIntegerField(editable=False)
    deleted = models.BooleanField(_("deleted"), default=False, editable=False)
    pinned = models.BooleanField(_("pinned"), default=False)
    key_event = models.BooleanField(_("key event"), default=False)

    objects = BlogUpdateQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["blog", "revision"], name="one_change_a_revision"),
        ]
        indexes = [models.Index(fields=["blog", "-created", "-id"], name="newest_first")]
        verbose_name = _("update")
        verbose_name_plural = _("updates")

    def __str__(self):
        return self.headline or self.body[:60]

    @classmethod
    def from_db(cls, db, field_names, values):
        update = super().from_db(db, field_names, values)
        update.text_in_db = update.text if {"headline", "body"} <= set(field_names) else None
        return update

    @property
    def text(self):
        return self.headline, self.body

    def save(self, *args, using=None, update_fields=None, **kwargs):
        """Save as the blog's next revision. New text counts as an edit, a new flag does not."""
        using = using or router.db_for_write(BlogUpdate, instance=self)
        with transaction.atomic(using=using):
            self.revision = self.blog.take_revision(using)
            if self._state.adding:
                self.created_revision = self.revision
            elif self.text != getattr(self, "text_in_db", None):
                self.edited = timezone.now()
            if update_fields is not None:
                update_fields = {*update_fields, "revision", "edited"}
            super().save(*args, using=using, update_fields=update_fields, **kwargs)
        self.text_in_db = self.text

    def delete(self, using=None, keep_parents=False):
        """Leave a tombstone as the blog's next revision. Returns what Django's delete() does."""
        if self.deleted:
            return 0, {}
        self.deleted, self.pinned, self.key_event = True, False, False
        self.save(using=using, update_fields=["deleted", "pinned", "key_event"])
        return 1, {self._meta.label: 1}
