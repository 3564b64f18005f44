"""The admin's pages. Saving and deleting go through the models, so each takes a revision."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.stale_forms import StaleForm, StaleFormsAdmin
from liveblog.editing.roles import name_of, user_of
from liveblog.fields import CONTENT, PUBLICATION, TEXTS
from liveblog.models import (
    BlogUpdate,
    BlogUpdateQuerySet,
    Delivery,
    LiveBlog,
    PastVersion,
    SummaryVersion,
    Webhook,
)
from liveblog.slugs import free_slug


class LiveBlogForm(StaleForm):
    """The form of a blog. The script that makes a slug of the title makes none of Chinese."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if slug := self.fields.get("slug"):
            slug.required = False
            slug.help_text = _("Part of the address. Leave empty to have one made.")

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or free_slug(self.cleaned_data.get("title", ""))


@admin.register(LiveBlog)
class LiveBlogAdmin(StaleFormsAdmin):
    form = LiveBlogForm
    list_display = ["title", "slug", "state", "revision", "created"]
    list_filter = ["state"]
    search_fields = ["title", "slug", "description"]
    date_hierarchy = "created"
    fields = [
        *["title", "slug", "description", "summary", "state", "starts_at", "chat"],
        *["revision", "created", "ended"],
    ]
    readonly_fields = ["revision", "created", "ended"]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: LiveBlog | None = None
    ) -> dict[str, Sequence[str]]:
        # The slug is the blog's address: it follows the title only in the form for a new blog.
        return {"slug": ["title"]} if obj is None else {}

    def get_readonly_fields(self, request: HttpRequest, obj: LiveBlog | None = None) -> list[str]:
        return [*self.readonly_fields, "slug"] if obj else self.readonly_fields

    def save_model(
        self, request: HttpRequest, obj: LiveBlog, form: forms.ModelForm, change: bool
    ) -> None:
        # Save pressed without a change takes no revision and sends nothing to readers.
        if form.changed_data or not change:
            obj.save(writer=name_of(user_of(request)))


@admin.register(BlogUpdate)
class BlogUpdateAdmin(StaleFormsAdmin):
    list_display = [
        *["__str__", "blog", "author", "draft", "key_event", "pinned", "created", "revision"]
    ]
    list_filter = ["draft", "key_event", "pinned", "blog"]
    list_select_related = ["blog"]
    search_fields = TEXTS
    date_hierarchy = "created"
    autocomplete_fields = ["blog"]
    fields = ["blog", *CONTENT, *PUBLICATION, "revision", "created", "edited"]
    readonly_fields = ["revision", "created", "edited"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[BlogUpdate]:
        return super().get_queryset(request).filter(deleted=False)

    def get_readonly_fields(self, request: HttpRequest, obj: BlogUpdate | None = None) -> list[str]:
        if obj is None:
            return self.readonly_fields
        # Moved to another blog, it would stay on the open pages of the first.
        fixed = [*self.readonly_fields, "blog"]
        # A published update cannot become a draft again.
        return fixed if obj.draft else [*fixed, *PUBLICATION]

    def lock(self, row: models.Model) -> None:
        # Every writer locks the blog first, so the update cannot be deleted in the meantime.
        assert isinstance(row, BlogUpdate)
        LiveBlog.objects.select_for_update().get(pk=row.blog_id)

    def save_model(
        self, request: HttpRequest, obj: BlogUpdate, form: forms.ModelForm, change: bool
    ) -> None:
        if not change:
            obj.owner = user_of(request)
        if form.changed_data or not change:
            obj.save(writer=name_of(user_of(request)))

    def delete_model(self, request: HttpRequest, obj: BlogUpdate) -> None:
        obj.delete(writer=name_of(user_of(request)))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        assert isinstance(queryset, BlogUpdateQuerySet)
        with transaction.atomic():
            for row in queryset.locked():
                self.delete_model(request, row)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        return {"author": name_of(user_of(request))} | super().get_changeform_initial_data(request)


@admin.register(PastVersion)
class PastVersionAdmin(admin.ModelAdmin):
    """Replaced and deleted texts: read-only, but they can be deleted, as the law may require."""

    list_display = ["__str__", "update", "revision", "editor", "saved", "replaced"]
    list_select_related = ["update"]
    search_fields = [*TEXTS, "editor"]
    date_hierarchy = "replaced"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(SummaryVersion)
class SummaryVersionAdmin(PastVersionAdmin):
    list_display = ["__str__", "blog", "revision", "editor", "saved"]
    list_select_related = ["blog"]
    search_fields = ["text", "editor"]
    date_hierarchy = "saved"


@admin.register(Webhook)
class WebhookAdmin(StaleFormsAdmin):
    list_display = ["url", "blog", "active", "failures", "paused_until", "dropped", "created"]
    list_filter = ["active", "blog"]
    list_select_related = ["blog"]
    autocomplete_fields = ["blog"]
    fields = [
        *["blog", "url", "active", "secret", "created"],
        *["failures", "paused_until", "dropped"],
    ]
    readonly_fields = ["secret", "created", "failures", "paused_until", "dropped"]

    def save_model(
        self, request: HttpRequest, obj: Webhook, form: forms.ModelForm, change: bool
    ) -> None:
        """Save what was edited and nothing else: the process that delivers writes to the row."""
        if not change:
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            # After a correction, staff expect the next attempt at once.
            obj.failures, obj.paused_until = 0, None
            obj.save(update_fields=[*form.changed_data, "failures", "paused_until"])


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    """The log of deliveries: staff can read them and have them sent again."""

    list_display = [
        *["created", "webhook", "event", "revision", "attempts", "status", "error"],
        *["delivered", "due"],
    ]
    list_filter = ["event", "status", "webhook"]
    list_select_related = ["webhook"]
    date_hierarchy = "created"
    actions = ["send_again"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    @admin.action(description=_("Send again"), permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: models.QuerySet[Delivery]) -> None:
        now = timezone.now()
        Webhook.objects.filter(deliveries__in=queryset).update(paused_until=None)
        count = queryset.update(due=now, queued=now, attempts=0, delivered=None)
        self.message_user(request, _("Deliveries to be sent again: %d.") % count)
