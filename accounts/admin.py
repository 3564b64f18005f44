from django import forms
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.models import Account


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ["user", "balance", "low_mark", "is_insufficient"]
    list_filter = ["is_insufficient"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    autocomplete_fields = ["user"]
    fields = ["user", "balance", "low_mark", "is_insufficient", "language"]
    readonly_fields = ["is_insufficient"]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "language":
            kwargs["widget"] = forms.Select(choices=[("", _("the site's")), *settings.LANGUAGES])
        return super().formfield_for_dbfield(db_field, request, **kwargs)
