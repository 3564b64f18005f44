"""A live blog and its updates. Saving or deleting either takes the blog's next revision."""

from collections.abc import Iterable
from typing import Self

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models, router, transaction
from django.db.models.base import ModelBase
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from liveblog.alerts.models import Alert, AlertDelivery, AlertSubscription
from liveblog.editing.models import MAX_PAST_VERSIONS, PastVersion, SummaryVersion, Write
from liveblog.fields import (
    FLAGS,
    LONGEST_BODY,
    LONGEST_CORRECTION,
    LONGEST_HEADLINE,
    LONGEST_NAME,
    LONGEST_SUMMARY,
    TEXTS,
)
from liveblog.link_cards.models import LinkCardRequest
from liveblog.link_cards.rendering import lone_addresses, with_cards, with_titles
from liveblog.review.models import ReviewNote
from liveblog.stream.revisions import RevisionedQuerySet, evaluate
from liveblog.teams.models import Invitation, Membership
from liveblog.text import markup
from liveblog.webhooks.models import Delivery, Webhook

# The app's models, wherever they are defined.
__all__ = [
    "Alert",
    "AlertDelivery",
    "AlertSubscription",
    "BlogUpdate",
    "Delivery",
    "Invitation",
    "LinkCardRequest",
    "LiveBlog",
    "Membership",
    "PastVersion",
    "ReviewNote",
    "SummaryVersion",
    "Webhook",
    "Write",
]


class LiveBlogQuerySet(RevisionedQuerySet["LiveBlog"]):
    pass


class LiveBlog(models.Model):
    """One coverage. `revision` counts its changes: no gaps, no number used twice."""

    class State(models.TextChoices):
        UPCOMING = "upcoming", _("Upcoming")
        LIVE = "live", pgettext_lazy("coverage", "Live")
        ENDED = "ended", _("Ended")

    # Group names hold 99 ASCII characters at most, and the blog's begins with "liveblog-".
    slug = models.SlugField(_("slug"), max_length=80, unique=True)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.LIVE)
    # Also a default of the database: during a deploy, workers of the last release write rows.
    chat = models.BooleanField(
        _("chat"),
        default=False,
        db_default=False,
        help_text=_("Readers can chat next to the live blog."),
    )
    starts_at = models.DateTimeField(
        _("starts"),
        null=True,
        blank=True,
        help_text=_("In UTC. Shown to readers until the coverage begins."),
    )
    # Its HTML is not stored: it is short, and each process renders it once (markup.rendered).
    summary = models.TextField(
        _("what we know"),
        blank=True,
        default="",
        db_default="",
        validators=[MaxLengthValidator(LONGEST_SUMMARY), markup.validate_rendering],
        help_text=_("Markdown. Shown above the updates; open pages follow it."),
    )
    # The revision that changed the summary last: its version, and which replays contain it.
    summary_revision = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    revision = models.PositiveBigIntegerField(_("revision"), default=0, editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    ended = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    # When the newest revision was taken: the `updated` of feeds, which deletions change as well.
    changed = models.DateTimeField(
        _("changed"), default=timezone.now, db_default=Now(), editable=False
    )

    # After a backup was restored: its revision, and the first one that may be used again. Those
    # between them may have been given to what was lost; see liveblog.stream.restored.
    restored_revision = models.PositiveBigIntegerField(null=True, editable=False)
    resumed_revision = models.PositiveBigIntegerField(null=True, editable=False)

    objects = LiveBlogQuerySet.as_manager()

    class Meta:
        ordering = ["-created"]
        verbose_name = _("live blog")
        verbose_name_plural = _("live blogs")

    def __str__(self) -> str:
        return self.title

    @property
    def group_name(self) -> str:
        return self.group_name_of(self.slug)

    @staticmethod
    def group_name_of(slug: str) -> str:
        """The name of the group that every open page of the blog is in."""
        return f"liveblog-{slug}"

    def get_absolute_url(self) -> str:
        return reverse("liveblog:reader", args=[self.slug])

    @property
    def summary_content(self) -> str:
        """The summary as HTML."""
        return markup.render(self.summary) if self.summary else ""

    @property
    def summary_is_short(self) -> bool:
        """Whether a phone shows it whole: about six lines."""
        return len(self.summary) < 120 and self.summary.count("\n") < 5

    def take_revision(self, using: str | None = None) -> int:
        """Take the blog's next revision. Locks the blog's row until the transaction ends."""
        using = using or router.db_for_write(LiveBlog, instance=self)
        assert transaction.get_connection(using).in_atomic_block, "a revision belongs to a change"
        # The plain queryset: LiveBlogQuerySet.update() would take a revision itself.
        row: models.QuerySet[LiveBlog] = models.QuerySet(LiveBlog, using=using).filter(pk=self.pk)
        row.update(revision=models.F("revision") + 1, changed=timezone.now())
        self.revision, self.changed = row.values_list("revision", "changed").get()
        return self.revision

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
        writer: str = "",
    ) -> None:
        """Save as the blog's next revision; the first save is revision 0, an empty blog.

        `writer`: the name of the person or program that saves it, for the summary's history.
        Raises ValidationError for a slug that does not fit into a URL.
        """
        using = using or router.db_for_write(LiveBlog, instance=self)
        with transaction.atomic(using=using):
            if not self._state.adding:
                self.take_revision(using)
                evaluate(self, using)
            # The URLs match only valid slugs, and the list of blogs links to each.
            LiveBlog._meta.get_field("slug").clean(self.slug, self)
            if update_fields is None or "state" in update_fields:
                self.ended = (self.ended or timezone.now()) if self.state == "ended" else None
            is_new_summary = self.has_new_summary(using, update_fields)
            if is_new_summary:
                self.summary_revision = self.revision
            if update_fields is not None:
                update_fields = {*update_fields, "revision", "changed"}
                update_fields |= {"summary_revision"} if is_new_summary else set()
                update_fields |= {"ended"} if "state" in update_fields else set()
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )
            if is_new_summary:
                SummaryVersion.keep(self, writer[:LONGEST_NAME], using)

    def has_new_summary(self, using: str, update_fields: Iterable[str] | None) -> bool:
        """Whether a save of these fields replaces the summary. Updates `summary_revision`."""
        if update_fields is not None and "summary" not in update_fields:
            return False
        if self._state.adding:
            return bool(self.summary)
        rows: models.QuerySet[LiveBlog] = models.QuerySet(LiveBlog, using=using)
        names = ("summary", "summary_revision")
        stored, self.summary_revision = rows.values_list(*names).get(pk=self.pk)
        return stored != self.summary


class BlogUpdateQuerySet(RevisionedQuerySet["BlogUpdate"]):
    def visible(self) -> Self:
        """The updates that readers see: no tombstones and no drafts."""
        return self.filter(deleted=False, draft=False)

    def hidden(self) -> Self:
        """Drafts and scheduled updates, which only editors see."""
        return self.filter(deleted=False, draft=True)

    def locked(self) -> "list[BlogUpdate]":
        """The rows, under the locks of their blogs, which every writer takes first."""
        blogs = set(self.values_list("blog_id", flat=True))
        list(LiveBlog.objects.filter(pk__in=blogs).order_by("pk").select_for_update())
        return list(self)


class BlogUpdate(models.Model):
    """One post. A deleted one stays as a tombstone, so that replays include the deletion.

    A draft has no revision, and so is in no replay; it takes one when it is published. A draft
    with `publish_at` is scheduled: `manage.py pulse` publishes it then. A published update never
    becomes a draft again.
    """

    blog = models.ForeignKey(
        LiveBlog, models.CASCADE, related_name="updates", verbose_name=_("live blog")
    )
    headline = models.CharField(_("headline"), max_length=LONGEST_HEADLINE, blank=True)
    body = models.TextField(
        _("text"),
        validators=[MaxLengthValidator(LONGEST_BODY), markup.validate_rendering],
        help_text=_("Markdown"),
    )
    # The text as HTML, and the digest of its source and renderer (markup.digest); see `content`.
    html = models.TextField(default="", db_default="", editable=False)
    html_digest = models.CharField(max_length=32, default="", db_default="", editable=False)
    author = models.CharField(_("author"), max_length=LONGEST_NAME, blank=True)
    correction = models.TextField(
        _("correction"),
        blank=True,
        default="",
        db_default="",
        validators=[MaxLengthValidator(LONGEST_CORRECTION)],
        help_text=_("What was wrong before. Readers see it below the update."),
    )
    # When it was published; of a draft, when it was created.
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    edited = models.DateTimeField(_("edited"), null=True, blank=True, editable=False)
    revision = models.PositiveBigIntegerField(_("revision"), null=True, blank=True, editable=False)
    created_revision = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    deleted = models.BooleanField(_("deleted"), default=False, editable=False)
    pinned = models.BooleanField(_("pinned"), default=False)
    key_event = models.BooleanField(_("key event"), default=False)
    # Also defaults of the database: during a deploy, workers of the last release write rows.
    draft = models.BooleanField(
        _("draft"),
        default=False,
        db_default=False,
        help_text=_("Not visible to readers until it is published."),
    )
    publish_at = models.DateTimeField(
        _("publish at"),
        null=True,
        blank=True,
        help_text=_("In UTC. The update stays a draft until then. Leave empty to not schedule it."),
    )
    # The version of a draft, which has no revision.
    draft_saves = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # The draft of a user who may not publish: it waits for an editor.
    review = models.BooleanField(_("for review"), default=False, db_default=False, editable=False)
    # The user who created it; None for programs, the shell, and deleted users.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )
    # The name of the last writer who changed the texts or deleted it, if known, and when.
    editor = models.CharField(
        _("editor"),
        max_length=LONGEST_NAME,
        default="",
        db_default="",
        editable=False,
    )
    saved = models.DateTimeField(_("saved"), null=True, editable=False)

    # What was fetched for the links that are alone in a paragraph: LinkCard by address.
    link_cards = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), editable=False
    )
    # The newest revision that only added cards, and the one before the first of these; see accepts.
    carded_revision = models.PositiveBigIntegerField(null=True, editable=False)
    carded_since = models.PositiveBigIntegerField(null=True, editable=False)

    # The name of the user who published or scheduled it; "" if not known.
    publisher = models.CharField(max_length=LONGEST_NAME, default="", db_default="", editable=False)

    objects = BlogUpdateQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["blog", "revision"], name="one_change_a_revision"),
            models.CheckConstraint(
                condition=models.Q(draft=True, revision=None)
                | models.Q(draft=False, revision__isnull=False),
                name="a_draft_has_no_revision",
            ),
        ]
        indexes = [
            models.Index(fields=["blog", "-created", "-id"], name="newest_first"),
            models.Index(
                fields=["publish_at"],
                condition=models.Q(draft=True, deleted=False),
                name="scheduled_next",
            ),
        ]
        permissions = [("publish_blogupdate", "Can publish updates")]
        verbose_name = _("update")
        verbose_name_plural = _("updates")

    def __str__(self) -> str:
        return self.headline or self.body[:60]

    def get_absolute_url(self) -> str:
        """The post's permanent address."""
        return reverse("liveblog:post", args=[self.blog.slug, self.pk])

    @property
    def version(self) -> int:
        """Identifies the state that a writer saw: the revision; of a draft, a number below 0."""
        if self.draft or self.revision is None:
            return -self.draft_saves
        return self.revision

    def accepts(self, version: int | None) -> bool:
        """Whether a writer who saw this version (None: any) has seen the texts as they are.

        A revision that only adds cards is a version of its own, but no change of what was written.
        """
        if version is None or version == self.version:
            return True
        if self.carded_since is None or self.revision is None:
            return False
        is_only_carded = self.carded_revision == self.revision
        return is_only_carded and self.carded_since <= version <= self.revision

    @property
    def content(self) -> str:
        """The HTML for pages, with cards in place of links where LINK_CARDS is set."""
        html = self.text_html
        return with_cards(html, self.link_cards) if settings.LINK_CARDS else html

    @property
    def feed_content(self) -> str:
        """The HTML for feeds and files: no cards, but links with the titles of their targets."""
        html = self.text_html
        return with_titles(html, self.link_cards) if settings.LINK_CARDS else html

    @property
    def text_html(self) -> str:
        """The text as HTML. Rendered here only if the stored HTML is out of date: saved by an older
        release, or by a statement that did not use save().
        """
        if self.html_digest == markup.digest(self.body):
            return self.html
        return markup.render(self.body)

    def render(self) -> set[str]:
        """Set the HTML of the text. Returns the names of the fields that it set."""
        digest = markup.digest(self.body)
        if self.html_digest != digest:
            self.html, self.html_digest = markup.render(self.body), digest
        return {"html", "html_digest"}

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
        writer: str = "",
    ) -> None:
        """Save as the blog's next revision; a draft takes none.

        `writer`: the name of the person or program that saves it, for the history.

        New text counts as an edit, a new flag does not. A row that is not published yet stays a
        draft until its `publish_at`. A text that is replaced or deleted is kept as a PastVersion.
        Raises ValueError if a published update would become a draft, or an update would move to
        another live blog.
        """
        using = using or router.db_for_write(BlogUpdate, instance=self)
        with transaction.atomic(using=using):
            stored = None if self._state.adding else self.stored(using)
            if stored:
                evaluate(self, using)
            replaced = self.replaced(stored, update_fields)
            touched = self.prepare(stored, replaced, using)
            touched |= self.sign(stored, replaced, writer[:LONGEST_NAME], using)
            if update_fields is None or "body" in update_fields:
                touched |= self.render()
                touched |= self.drop_cards()
            if update_fields is not None:
                if set(update_fields) == {"link_cards"}:
                    touched |= self.note_cards(stored)
                update_fields = {*update_fields, *touched}
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )

    def drop_cards(self) -> set[str]:
        """Remove the cards of addresses that are no longer in the text."""
        if not self.link_cards:
            return set()
        addresses = lone_addresses(self.html)
        cards = {address: card for address, card in self.link_cards.items() if address in addresses}
        self.link_cards = cards
        return {"link_cards"}

    def note_cards(self, stored: "BlogUpdate | None") -> set[str]:
        """Remember that this revision only adds cards. Returns the names of the fields it set."""
        if stored and stored.carded_revision != stored.revision:
            self.carded_since = stored.revision
        self.carded_revision = self.revision
        return {"carded_revision", "carded_since"}

    def stored(self, using: str) -> "BlogUpdate | None":
        """The row as the database has it. The blog is locked until the transaction ends."""
        LiveBlog.objects.using(using).select_for_update().filter(pk=self.blog_id).first()
        rows = BlogUpdate.objects.using(using).defer("html", "html_digest")
        return rows.filter(pk=self.pk).first()

    def replaced(
        self, stored: "BlogUpdate | None", update_fields: Iterable[str] | None
    ) -> set[str]:
        """The names of the texts that this save replaces."""
        if stored is None:
            return set()
        names = {*TEXTS} if update_fields is None else {*TEXTS} & {*update_fields}
        return {name for name in names if getattr(stored, name) != getattr(self, name)}

    def prepare(self, stored: "BlogUpdate | None", replaced: set[str], using: str) -> set[str]:
        """Set the fields that every save sets. Returns their names."""
        now = timezone.now()
        if stored and stored.blog_id != self.blog_id:
            # It would stay on the open pages of its present blog.
            raise ValueError("An update cannot move to another live blog: post it there anew.")
        if stored and not stored.draft:
            touched = {"revision", "created_revision", "edited"}
            if self.revision is None:
                # It was read as a draft and published meanwhile: this save is an edit of it.
                self.draft, self.publish_at, self.created = False, None, stored.created
                touched |= {"draft", "publish_at", "created"}
            if self.draft:
                raise ValueError("Readers have seen this update: it cannot become a draft.")
            self.revision = self.blog.take_revision(using)
            self.created_revision = stored.created_revision
            self.edited = now if {"headline", "body", "correction"} & replaced else stored.edited
            return touched
        if self.publish_at and self.publish_at > now:
            self.draft = True
        if self.draft:
            self.draft_saves = (stored.draft_saves if stored else 0) + 1
            return {"draft", "draft_saves"}
        self.revision = self.created_revision = self.blog.take_revision(using)
        self.publish_at, self.review = None, False
        if stored:
            self.created = now
        return {"draft", "publish_at", "review", "created", "revision", "created_revision"}

    def sign(
        self, stored: "BlogUpdate | None", replaced: set[str], writer: str, using: str
    ) -> set[str]:
        """Keep a text that is replaced as a PastVersion, and set `editor` and `publisher`.

        Returns the names of the fields that it set.
        """
        self.publisher = self.published_by(stored, writer)
        if stored:
            if not replaced and self.deleted == stored.deleted:
                return {"publisher"}
            stored.keep_text(using, as_deleted=stored.deleted and not self.deleted)
        self.editor, self.saved = writer, timezone.now()
        return {"editor", "saved", "publisher"}

    def keep_text(self, using: str, as_deleted: bool) -> None:
        """Keep the texts as a PastVersion; beyond MAX_PAST_VERSIONS the oldest one is deleted.

        `as_deleted`: keep who deleted it and when, but no texts, which were kept at the deletion.
        """
        rows = PastVersion.objects.using(using).filter(update_id=self.pk)
        rows.create(
            update_id=self.pk,
            revision=self.revision,
            editor=self.editor,
            saved=self.saved or self.edited or self.created,
            **{name: "" if as_deleted else getattr(self, name) for name in TEXTS},
        )
        for oldest in rows.values_list("pk", flat=True)[MAX_PAST_VERSIONS : MAX_PAST_VERSIONS + 1]:
            rows.filter(pk__lte=oldest).delete()

    def published_by(self, stored: "BlogUpdate | None", writer: str) -> str:
        """The publisher after a save by this writer."""
        before, publish_at = (stored.publisher, stored.publish_at) if stored else ("", None)
        if stored and not stored.draft:
            return before
        if not self.draft:
            return writer or (before if publish_at else "")  # the scheduler has no name
        if self.publish_at == publish_at:
            return before
        return writer if self.publish_at else ""

    def delete(
        self, using: str | None = None, keep_parents: bool = False, *, writer: str = ""
    ) -> tuple[int, dict[str, int]]:
        """Leave a tombstone as the blog's next revision. Returns what Django's delete() does."""
        if self.deleted:
            return 0, {}
        self.deleted = True
        for name in FLAGS:
            setattr(self, name, False)
        self.save(using=using, update_fields=["deleted", *FLAGS], writer=writer)
        return 1, {self._meta.label: 1}
