from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from conversations.stale_forms import StaleFormsAdmin

admin.site.unregister(User)


@admin.register(User)
class PeopleAdmin(UserAdmin):
    """Who may change users makes nobody a superuser, and does not touch those that are."""

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        beyond = () if request.user.is_superuser else ("is_superuser", "user_permissions")
        return [*fields, *beyond]

    def has_change_permission(self, request, obj=None):
        return within_reach(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return within_reach(request, obj) and super().has_delete_permission(request, obj)


def within_reach(request, user):
    return user is None or not user.is_superuser or request.user.is_superuser


@admin.register(Account)
class AccountAdmin(StaleFormsAdmin):
    list_display = ["user", "balance", "low_mark", "is_insufficient"]
    list_filter = ["is_insufficient"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    autocomplete_fields = ["user"]
    fields = ["user", "balance", "low_mark", "is_insufficient", "language"]
    readonly_fields = ["is_insufficient"]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "language":
            kwargs["widget"] = forms.Select(choices=[("", _("default")), *settings.LANGUAGES])
        return super().formfield_for_dbfield(db_field, request, **kwargs)
