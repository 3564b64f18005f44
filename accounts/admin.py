from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Field
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from conversations.stale_forms import StaleFormsAdmin

admin.site.unregister(User)


@admin.register(User)
class PeopleAdmin(UserAdmin):
    """Only superusers may make superusers, give single permissions, or change superusers."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_readonly_fields(request, obj)
        if is_superuser(request):
            return [*fields]
        return [*fields, "is_superuser", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return may_touch(request, obj) and super().has_delete_permission(request, obj)


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or is_superuser(request)


@admin.register(Account)
class AccountAdmin(StaleFormsAdmin):
    list_display = ["user", "balance", "low_mark", "is_insufficient"]
    list_filter = ["is_insufficient"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    autocomplete_fields = ["user"]
    fields = ["user", "balance", "low_mark", "is_insufficient", "language"]
    readonly_fields = ["is_insufficient"]

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "language":
            kwargs["widget"] = forms.Select(choices=[("", _("default")), *settings.LANGUAGES])
        return super().formfield_for_dbfield(db_field, request, **kwargs)
